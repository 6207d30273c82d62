package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

type franz struct {
	bootstrap string
	admin     *kadm.Client
	producers map[string]*kgo.Client
	consumers map[string]*running
}

func newFranz(bootstrap string) (client, error) {
	f := &franz{bootstrap: bootstrap, producers: map[string]*kgo.Client{}, consumers: map[string]*running{}}
	general, err := f.open()
	if err != nil {
		return nil, err
	}
	f.admin = kadm.NewClient(general)
	return f, nil
}

func (f *franz) open(options ...kgo.Opt) (*kgo.Client, error) {
	if tls := secured(); tls != nil {
		options = append(options, kgo.DialTLSConfig(tls))
	}
	return kgo.NewClient(append(options, kgo.SeedBrokers(f.bootstrap), kgo.MaxVersions(nil),
		kgo.WithLogger(kgo.BasicLogger(os.Stderr, kgo.LogLevelWarn, nil)))...)
}

func (f *franz) close() {
	for _, each := range f.consumers {
		each.cancel()
		<-each.done
	}
	for _, each := range f.producers {
		each.Close()
	}
	f.admin.Close()
}

func (f *franz) describe(err error) map[string]any {
	said := map[string]any{"text": err.Error()}
	var refused *kerr.Error
	if errors.As(err, &refused) {
		said["name"] = refused.Message
	}
	return said
}

func (f *franz) run(ctx context.Context, c ask) (any, error) {
	switch c.Command {
	case "produce":
		return f.produce(ctx, c)
	case "transaction":
		return f.transaction(ctx, c)
	case "consume":
		return nil, f.consume(c)
	case "share":
		return nil, f.share(c)
	case "copy":
		return nil, f.copy(c)
	case "seen":
		return f.consumers[c.ID].seen(), nil
	case "stop":
		f.consumers[c.ID].cancel()
		<-f.consumers[c.ID].done
		delete(f.consumers, c.ID)
		return nil, nil
	}
	return f.administer(ctx, c)
}

// -- producing --------------------------------------------------------------------------------------

var codecs = map[string]kgo.CompressionCodec{
	"": kgo.NoCompression(), "gzip": kgo.GzipCompression(), "snappy": kgo.SnappyCompression(),
	"lz4": kgo.Lz4Compression(), "zstd": kgo.ZstdCompression(),
}

func (f *franz) producer(c ask) (*kgo.Client, error) {
	acks := -1
	if c.Acks != nil {
		acks = *c.Acks
	}
	key := fmt.Sprint(c.Codec, acks, c.Transactional)
	if there := f.producers[key]; there != nil {
		return there, nil
	}
	options := []kgo.Opt{kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.ProducerBatchCompression(codecs[c.Codec])}
	switch acks {
	case 0:
		options = append(options, kgo.RequiredAcks(kgo.NoAck()), kgo.DisableIdempotentWrite())
	case 1:
		options = append(options, kgo.RequiredAcks(kgo.LeaderAck()), kgo.DisableIdempotentWrite())
	}
	if c.Transactional != "" {
		options = append(options, kgo.TransactionalID(c.Transactional))
	}
	opened, err := f.open(options...)
	if err == nil {
		f.producers[key] = opened
	}
	return opened, err
}

func send(ctx context.Context, producer *kgo.Client, c ask) ([]record, error) {
	outgoing := make([]*kgo.Record, len(c.Records))
	for i, each := range c.Records {
		outgoing[i] = &kgo.Record{Topic: c.Topic, Partition: each.Partition, Key: each.Key, Value: each.Value}
		if each.Timestamp != 0 {
			outgoing[i].Timestamp = time.UnixMilli(each.Timestamp)
		}
		for _, h := range each.Headers {
			outgoing[i].Headers = append(outgoing[i].Headers, kgo.RecordHeader{Key: h.Key, Value: h.Value})
		}
	}
	results := producer.ProduceSync(ctx, outgoing...)
	if err := results.FirstErr(); err != nil {
		return nil, err
	}
	answered := make([]record, len(results))
	for i, each := range results {
		answered[i] = plain(each.Record)
		answered[i].Value = nil
	}
	return answered, nil
}

func (f *franz) produce(ctx context.Context, c ask) (any, error) {
	producer, err := f.producer(c)
	if err != nil {
		return nil, err
	}
	return send(ctx, producer, c)
}

// transaction produces the records and commits or, where Accept is "abort", aborts; "open" leaves it open.
func (f *franz) transaction(ctx context.Context, c ask) (any, error) {
	producer, err := f.producer(c)
	if err != nil {
		return nil, err
	}
	if err := producer.BeginTransaction(); err != nil {
		return nil, err
	}
	answered, err := send(ctx, producer, c)
	if err != nil || c.Accept == "open" {
		return answered, err
	}
	return answered, producer.EndTransaction(ctx, kgo.TransactionEndTry(c.Accept != "abort"))
}

// -- consuming --------------------------------------------------------------------------------------

func plain(r *kgo.Record) record {
	out := record{Topic: r.Topic, Partition: r.Partition, Offset: r.Offset, Key: r.Key, Value: r.Value,
		Timestamp: r.Timestamp.UnixMilli(), Delivery: r.DeliveryCount()}
	for _, h := range r.Headers {
		out.Headers = append(out.Headers, header{h.Key, h.Value})
	}
	return out
}

var balancers = map[string]kgo.GroupBalancer{
	"": kgo.CooperativeStickyBalancer(), "cooperative-sticky": kgo.CooperativeStickyBalancer(), "sticky": kgo.StickyBalancer(),
	"range": kgo.RangeBalancer(), "roundrobin": kgo.RoundRobinBalancer(),
}

// membership is what a member of a group is told by, its changes noted in `r`.
func membership(r *running, c ask) []kgo.Opt {
	options := []kgo.Opt{
		kgo.ConsumerGroup(c.Group), kgo.ConsumeTopics(c.Topics...), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		kgo.HeartbeatInterval(300 * time.Millisecond), kgo.FetchMaxWait(200 * time.Millisecond),
		kgo.MetadataMinAge(100 * time.Millisecond), kgo.MetadataMaxAge(500 * time.Millisecond), kgo.FetchIsolationLevel(kgo.ReadCommitted()),
		kgo.OnPartitionsAssigned(func(_ context.Context, _ *kgo.Client, which map[string][]int32) { r.assigned("assigned", which) }),
		kgo.OnPartitionsRevoked(func(_ context.Context, _ *kgo.Client, which map[string][]int32) { r.assigned("revoked", which) }),
		kgo.OnPartitionsLost(func(_ context.Context, _ *kgo.Client, which map[string][]int32) { r.assigned("lost", which) }),
	}
	if c.Protocol == "consumer" {
		options = append(options, kgo.ServerSideBalancer(), kgo.Balancers(kgo.StickyBalancer()))
	} else {
		options = append(options, kgo.Balancers(balancers[c.Balancer]))
	}
	if c.Instance != "" {
		options = append(options, kgo.InstanceID(c.Instance))
	}
	if c.Pattern {
		options = append(options, kgo.ConsumeRegex())
	}
	return options
}

// begin lets `poll` work until it says no more or the test stops it; then `end` closes what it used.
func (f *franz) begin(id string, r *running, poll func(context.Context) bool, end func()) {
	var ctx context.Context
	ctx, r.cancel = context.WithCancel(context.Background())
	r.done = make(chan struct{})
	f.consumers[id] = r
	go func() {
		defer close(r.done)
		for ctx.Err() == nil && poll(ctx) {
		}
		end()
	}()
}

func faults(r *running, fetches kgo.Fetches) {
	fetches.EachError(func(topic string, partition int32, err error) {
		if !errors.Is(err, context.Canceled) {
			r.note(func(e *events) { e.Errors = append(e.Errors, fmt.Sprintf("%s-%d: %v", topic, partition, err)) })
		}
	})
}

func (f *franz) consume(c ask) error {
	r := &running{}
	consumer, err := f.open(append(membership(r, c), kgo.AutoCommitInterval(200*time.Millisecond), kgo.AutoCommitMarks())...)
	if err != nil {
		return err
	}
	f.begin(c.ID, r, func(ctx context.Context) bool {
		fetches := consumer.PollFetches(ctx)
		faults(r, fetches)
		fetches.EachRecord(func(each *kgo.Record) {
			r.note(func(e *events) { e.Records = append(e.Records, plain(each)) })
			consumer.MarkCommitRecords(each)
		})
		return true
	}, func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := consumer.CommitMarkedOffsets(ctx); err != nil {
			r.note(func(e *events) { e.Errors = append(e.Errors, err.Error()) })
		}
		consumer.Close() // a static member stays in its group
	})
	return nil
}

// share takes records as a share consumer, one poll after the other.
func (f *franz) share(c ask) error {
	r := &running{}
	consumer, err := f.open(kgo.ShareGroup(c.Group), kgo.ConsumeTopics(c.Topics...), kgo.MetadataMinAge(100*time.Millisecond),
		kgo.FetchMaxWait(200*time.Millisecond), kgo.ShareAckCallback(func(_ *kgo.Client, results kgo.ShareAckResults) {
			if err := results.Error(); err != nil {
				r.note(func(e *events) { e.Errors = append(e.Errors, err.Error()) })
			}
		}))
	if err != nil {
		return err
	}
	f.begin(c.ID, r, func(ctx context.Context) bool {
		fetches := consumer.PollFetches(ctx)
		faults(r, fetches)
		fetches.EachRecord(func(each *kgo.Record) {
			r.note(func(e *events) { e.Records = append(e.Records, plain(each)) })
			if c.Release != "" && string(each.Value) == c.Release && each.DeliveryCount() == 1 {
				each.Ack(kgo.AckRelease)
			} else {
				each.Ack(kgo.AckAccept)
			}
		})
		return true
	}, consumer.Close)
	return nil
}

// copy moves each record of a topic, in capitals, into another one, exactly once: Topics[0] to Topic. A transaction with
// a record that begins with "-" is aborted when the record is seen for the first time.
func (f *franz) copy(c ask) error {
	r := &running{}
	session, err := kgo.NewGroupTransactSession(append(membership(r, c), kgo.SeedBrokers(f.bootstrap), kgo.TransactionalID(c.Transactional),
		kgo.WithLogger(kgo.BasicLogger(os.Stderr, kgo.LogLevelWarn, nil)))...)
	if err != nil {
		return err
	}
	aborted := map[string]bool{}
	f.begin(c.ID, r, func(ctx context.Context) bool {
		fetches := session.PollRecords(ctx, c.Max)
		faults(r, fetches)
		if fetches.Empty() {
			return true
		}
		failed := func(err error) bool {
			if err != nil {
				r.note(func(e *events) { e.Errors = append(e.Errors, err.Error()) })
			}
			return err != nil
		}
		if failed(session.Begin()) {
			return false
		}
		commit := kgo.TryCommit
		fetches.EachRecord(func(each *kgo.Record) {
			value := string(each.Value)
			if strings.HasPrefix(value, "-") && !aborted[value] {
				aborted[value], commit = true, kgo.TryAbort
			}
			session.Produce(context.Background(), &kgo.Record{Topic: c.Topic, Value: bytes.ToUpper(each.Value)}, nil)
		})
		if failed(session.Client().Flush(context.Background())) { // so that what is aborted was sent
			return false
		}
		ending, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		committed, err := session.End(ending, commit)
		r.note(func(e *events) {
			if committed {
				e.Committed++
			} else {
				e.Aborted++
			}
		})
		return !failed(err)
	}, session.Close)
	return nil
}
