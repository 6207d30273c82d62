package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/IBM/sarama"
)

type saramas struct {
	bootstrap string
	admin     sarama.ClusterAdmin
	producers map[string]sarama.SyncProducer
	consumers map[string]*running
}

func newSarama(bootstrap string) (client, error) {
	s := &saramas{bootstrap: bootstrap, producers: map[string]sarama.SyncProducer{}, consumers: map[string]*running{}}
	var err error
	s.admin, err = sarama.NewClusterAdmin([]string{bootstrap}, s.config())
	return s, err
}

func (s *saramas) config() *sarama.Config {
	config := sarama.NewConfig()
	config.Version = sarama.MaxVersion
	config.Net.TLS.Config = secured()
	config.Net.TLS.Enable = config.Net.TLS.Config != nil
	config.Producer.Partitioner = sarama.NewManualPartitioner
	config.Producer.Return.Successes = true
	config.Consumer.Return.Errors = true
	config.Consumer.Offsets.Initial = sarama.OffsetOldest
	config.Consumer.Offsets.AutoCommit.Interval = 200 * time.Millisecond
	config.Consumer.IsolationLevel = sarama.ReadCommitted
	config.Consumer.MaxWaitTime = 200 * time.Millisecond
	config.Consumer.Group.Heartbeat.Interval = 300 * time.Millisecond
	return config
}

func (s *saramas) close() {
	for _, each := range s.consumers {
		each.cancel()
		<-each.done
	}
	for _, each := range s.producers {
		if err := each.Close(); err != nil {
			fmt.Fprintln(os.Stderr, err)
		}
	}
	if err := s.admin.Close(); err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
}

func (s *saramas) describe(err error) map[string]any {
	said := map[string]any{"text": err.Error()}
	var code sarama.KError
	if errors.As(err, &code) {
		said["code"] = int16(code)
	}
	return said
}

func (s *saramas) run(_ context.Context, c ask) (any, error) {
	switch c.Command {
	case "produce":
		return s.produce(c)
	case "transaction":
		return s.transaction(c)
	case "consume":
		return nil, s.join(c, nil)
	case "copy":
		producer, err := s.producer(c)
		if err != nil {
			return nil, err
		}
		return nil, s.join(c, producer)
	case "seen":
		return s.consumers[c.ID].seen(), nil
	case "stop":
		s.consumers[c.ID].cancel()
		<-s.consumers[c.ID].done
		delete(s.consumers, c.ID)
		return nil, nil
	case "create_topic":
		return nil, s.admin.CreateTopic(c.Topic, &sarama.TopicDetail{NumPartitions: c.Partitions, ReplicationFactor: 1, ConfigEntries: c.Configs}, false)
	case "describe_groups":
		return s.admin.DescribeConsumerGroups(c.Groups)
	case "list_groups":
		return s.admin.ListConsumerGroups()
	case "fetch_offsets":
		return s.admin.ListConsumerGroupOffsets(c.Group, nil)
	case "delete_group":
		return nil, s.admin.DeleteConsumerGroup(c.Group)
	case "delete_records":
		return nil, s.admin.DeleteRecords(c.Topic, c.Offsets)
	case "delete_topic":
		return nil, s.admin.DeleteTopic(c.Topic)
	}
	return nil, fmt.Errorf("no command %q", c.Command)
}

// -- producing --------------------------------------------------------------------------------------

var saramaCodecs = map[string]sarama.CompressionCodec{
	"": sarama.CompressionNone, "gzip": sarama.CompressionGZIP, "snappy": sarama.CompressionSnappy,
	"lz4": sarama.CompressionLZ4, "zstd": sarama.CompressionZSTD,
}

func (s *saramas) producer(c ask) (sarama.SyncProducer, error) {
	acks := -1
	if c.Acks != nil {
		acks = *c.Acks
	}
	key := fmt.Sprint(c.Codec, acks, c.Transactional)
	if there := s.producers[key]; there != nil {
		return there, nil
	}
	config := s.config()
	config.Producer.Compression = saramaCodecs[c.Codec]
	config.Producer.RequiredAcks = sarama.RequiredAcks(acks)
	if acks == -1 {
		config.Producer.Idempotent = true
		config.Net.MaxOpenRequests = 1
	}
	if c.Transactional != "" {
		config.Producer.Transaction.ID = c.Transactional
	}
	opened, err := sarama.NewSyncProducer([]string{s.bootstrap}, config)
	if err == nil {
		s.producers[key] = opened
	}
	return opened, err
}

func deliver(producer sarama.SyncProducer, c ask) ([]record, error) {
	outgoing := make([]*sarama.ProducerMessage, len(c.Records))
	for i, each := range c.Records {
		outgoing[i] = &sarama.ProducerMessage{Topic: c.Topic, Partition: each.Partition}
		if each.Key != nil {
			outgoing[i].Key = sarama.ByteEncoder(each.Key)
		}
		if each.Value != nil {
			outgoing[i].Value = sarama.ByteEncoder(each.Value)
		}
		if each.Timestamp != 0 {
			outgoing[i].Timestamp = time.UnixMilli(each.Timestamp)
		}
		for _, h := range each.Headers {
			outgoing[i].Headers = append(outgoing[i].Headers, sarama.RecordHeader{Key: []byte(h.Key), Value: h.Value})
		}
	}
	if err := producer.SendMessages(outgoing); err != nil {
		var several sarama.ProducerErrors
		if errors.As(err, &several) {
			return nil, several[0].Err
		}
		return nil, err
	}
	answered := make([]record, len(outgoing))
	for i, each := range outgoing {
		answered[i] = record{Topic: each.Topic, Partition: each.Partition, Offset: each.Offset}
	}
	return answered, nil
}

func (s *saramas) produce(c ask) (any, error) {
	producer, err := s.producer(c)
	if err != nil {
		return nil, err
	}
	return deliver(producer, c)
}

func (s *saramas) transaction(c ask) (any, error) {
	producer, err := s.producer(c)
	if err != nil {
		return nil, err
	}
	if err := producer.BeginTxn(); err != nil {
		return nil, err
	}
	answered, err := deliver(producer, c)
	if err != nil {
		return nil, err
	}
	if c.Accept == "abort" {
		return answered, producer.AbortTxn()
	}
	return answered, producer.CommitTxn()
}

// -- consuming --------------------------------------------------------------------------------------

var strategies = map[string]func() sarama.BalanceStrategy{
	"": sarama.NewBalanceStrategyCooperativeSticky, "cooperative-sticky": sarama.NewBalanceStrategyCooperativeSticky,
	"sticky": sarama.NewBalanceStrategySticky, "range": sarama.NewBalanceStrategyRange, "roundrobin": sarama.NewBalanceStrategyRoundRobin,
}

// member gathers what it is given, or copies it where it has a producer: in capitals, each record in a transaction of
// its own that is aborted first where the record begins with "-".
type member struct {
	*running
	ask      ask
	producer sarama.SyncProducer
	turn     sync.Mutex // the producer's: claims are consumed side by side
}

func (*member) Setup(sarama.ConsumerGroupSession) error   { return nil }
func (*member) Cleanup(sarama.ConsumerGroupSession) error { return nil }

func (m *member) ConsumeClaim(session sarama.ConsumerGroupSession, claim sarama.ConsumerGroupClaim) error {
	partition := map[string][]int32{claim.Topic(): {claim.Partition()}}
	m.assigned("assigned", partition)
	defer m.assigned("revoked", partition)
	for message := range claim.Messages() {
		if m.producer == nil {
			m.note(func(e *events) { e.Records = append(e.Records, received(message)) })
			session.MarkMessage(message, "")
		} else if err := m.copy(session, message); err != nil {
			if !rebalanced(err) {
				m.note(func(e *events) { e.Errors = append(e.Errors, err.Error()) })
			}
			return nil // and begin anew where the group has committed
		}
	}
	return nil
}

// rebalanced tells of a copy that came too late: whoever owns the partition now makes it.
func rebalanced(err error) bool {
	return errors.Is(err, sarama.ErrIllegalGeneration) || errors.Is(err, sarama.ErrUnknownMemberId) || errors.Is(err, sarama.ErrRebalanceInProgress)
}

func (m *member) copy(session sarama.ConsumerGroupSession, message *sarama.ConsumerMessage) error {
	m.turn.Lock()
	defer m.turn.Unlock()
	for _, last := range []bool{!strings.HasPrefix(string(message.Value), "-"), true} {
		err := m.attempt(session, message)
		if err == nil && last {
			err = m.producer.CommitTxn()
		}
		if err == nil && last {
			m.note(func(e *events) { e.Committed++ })
			return nil
		}
		m.note(func(e *events) { e.Aborted++ })
		if err := errors.Join(err, m.producer.AbortTxn()); err != nil {
			return err
		}
	}
	return nil
}

func (m *member) attempt(session sarama.ConsumerGroupSession, message *sarama.ConsumerMessage) error {
	if err := m.producer.BeginTxn(); err != nil {
		return err
	}
	out := &sarama.ProducerMessage{Topic: m.ask.Topic, Value: sarama.ByteEncoder(bytes.ToUpper(message.Value))}
	if _, _, err := m.producer.SendMessage(out); err != nil {
		return err
	}
	return m.producer.AddMessageToTxnWithGroupMetadata(message, &sarama.ConsumerGroupMetadata{
		GroupID: m.ask.Group, GenerationID: session.GenerationID(), MemberID: session.MemberID()}, nil)
}

func received(message *sarama.ConsumerMessage) record {
	out := record{Topic: message.Topic, Partition: message.Partition, Offset: message.Offset, Key: message.Key,
		Value: message.Value, Timestamp: message.Timestamp.UnixMilli()}
	for _, h := range message.Headers {
		out.Headers = append(out.Headers, header{string(h.Key), h.Value})
	}
	return out
}

func (s *saramas) join(c ask, producer sarama.SyncProducer) error {
	config := s.config()
	config.Consumer.Group.InstanceId = c.Instance
	config.Consumer.Group.Rebalance.GroupStrategies = []sarama.BalanceStrategy{strategies[c.Balancer]()}
	config.Consumer.Offsets.AutoCommit.Enable = producer == nil
	group, err := sarama.NewConsumerGroup([]string{s.bootstrap}, c.Group, config)
	if err != nil {
		return err
	}
	r := &running{done: make(chan struct{})}
	var ctx context.Context
	ctx, r.cancel = context.WithCancel(context.Background())
	s.consumers[c.ID] = r
	m := &member{running: r, ask: c, producer: producer}
	failed := func(err error) {
		if err != nil && !errors.Is(err, context.Canceled) {
			r.note(func(e *events) { e.Errors = append(e.Errors, err.Error()) })
		}
	}
	go func() {
		for err := range group.Errors() {
			failed(err)
		}
	}()
	go func() {
		defer close(r.done)
		for ctx.Err() == nil {
			failed(group.Consume(ctx, c.Topics, m))
		}
		failed(group.Close())
	}()
	return nil
}
