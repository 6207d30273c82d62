package main

import (
	"context"
	"fmt"

	"github.com/twmb/franz-go/pkg/kadm"
)

// administer answers with what kadm answers: its structures, as JSON shows them.
func (f *franz) administer(ctx context.Context, c ask) (any, error) {
	switch c.Command {
	case "create_topic":
		return f.admin.CreateTopic(ctx, c.Partitions, 1, c.Configs, c.Topic)
	case "add_partitions":
		return f.admin.CreatePartitions(ctx, int(c.Partitions), c.Topic)
	case "delete_topic":
		return f.admin.DeleteTopic(ctx, c.Topic)
	case "list_topics":
		return f.admin.ListTopics(ctx, c.Topics...)
	case "describe_configs":
		return f.admin.DescribeTopicConfigs(ctx, c.Topic)
	case "alter_configs":
		var changes []kadm.AlterConfig
		for name, value := range c.Configs {
			op := kadm.SetConfig
			if value == nil {
				op = kadm.DeleteConfig
			}
			changes = append(changes, kadm.AlterConfig{Op: op, Name: name, Value: value})
		}
		return f.admin.AlterTopicConfigs(ctx, changes, c.Topic)
	case "start_offsets":
		return f.admin.ListStartOffsets(ctx, c.Topic)
	case "end_offsets":
		return f.admin.ListEndOffsets(ctx, c.Topic)
	case "committed_end_offsets":
		return f.admin.ListCommittedOffsets(ctx, c.Topic)
	case "delete_records":
		return f.admin.DeleteRecords(ctx, offsets(c))
	case "list_groups":
		return f.admin.ListGroups(ctx)
	case "describe_groups":
		return f.admin.DescribeGroups(ctx, c.Groups...)
	case "describe_consumer_groups":
		return f.admin.DescribeConsumerGroups(ctx, c.Groups...)
	case "describe_share_groups":
		return f.admin.DescribeShareGroups(ctx, c.Groups...)
	case "share_group_offsets":
		return f.admin.DescribeShareGroupOffsets(ctx, c.Groups...)
	case "alter_share_group_offsets":
		return f.admin.AlterShareGroupOffsets(ctx, c.Group, offsets(c))
	case "lag":
		return f.admin.Lag(ctx, c.Groups...)
	case "commit_offsets":
		return f.admin.CommitOffsets(ctx, c.Group, offsets(c))
	case "fetch_offsets":
		return f.admin.FetchOffsets(ctx, c.Group)
	case "delete_offsets":
		var which kadm.TopicsSet
		for partition := range c.Offsets {
			which.Add(c.Topic, partition)
		}
		return f.admin.DeleteOffsets(ctx, c.Group, which)
	case "leave_group":
		return f.admin.LeaveGroup(ctx, kadm.LeaveGroup(c.Group).InstanceIDs(c.Instance))
	case "delete_group":
		return f.admin.DeleteGroup(ctx, c.Group)
	case "describe_producers":
		var which kadm.TopicsSet
		which.Add(c.Topic, 0)
		return f.admin.DescribeProducers(ctx, which)
	case "describe_transactions":
		return f.admin.DescribeTransactions(ctx, c.Transactional)
	case "list_transactions":
		return f.admin.ListTransactions(ctx, nil, nil)
	}
	return nil, fmt.Errorf("no command %q", c.Command)
}

func offsets(c ask) kadm.Offsets {
	var all kadm.Offsets
	for partition, at := range c.Offsets {
		all.AddOffset(c.Topic, partition, at, -1)
	}
	return all
}
