// What the tests of ../test_go.py ask of the Go clients: one JSON command a line on standard input, one JSON answer a
// line on standard output. Bytes travel in base64, as encoding/json has it. What a client warns of goes to standard error.
package main

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"os"
	"sync"
	"time"
)

const patience = 30 * time.Second // for any command

// secured is what a client knows of TLS: nil unless KAFKA_CA is the file of an authority. KAFKA_CERTIFICATE has a key and certificates.
func secured() *tls.Config {
	if os.Getenv("KAFKA_CA") == "" {
		return nil
	}
	authority, err := os.ReadFile(os.Getenv("KAFKA_CA"))
	if err != nil {
		panic(err)
	}
	config := &tls.Config{RootCAs: x509.NewCertPool()}
	config.RootCAs.AppendCertsFromPEM(authority)
	if own := os.Getenv("KAFKA_CERTIFICATE"); own != "" {
		pair, err := tls.LoadX509KeyPair(own, own)
		if err != nil {
			panic(err)
		}
		config.Certificates = []tls.Certificate{pair}
	}
	return config
}

type header struct {
	Key   string
	Value []byte
}

type record struct {
	Topic     string
	Partition int32
	Offset    int64
	Key       []byte
	Value     []byte
	Headers   []header
	Timestamp int64 // milliseconds
	Delivery  int32 // of share groups: how often, this time included
}

// ask is a command with all that any command takes.
type ask struct {
	Command         string
	ID              string // of a consumer or copier, chosen by the test
	Topic           string
	Topics          []string
	Pattern         bool // Topics are regular expressions
	Group           string
	Groups          []string
	Instance        string // group.instance.id
	Protocol        string // "consumer" is KIP-848's; else the classic one, balanced by Balancer
	Balancer        string
	Codec           string
	Acks            *int
	Transactional   string // transactional.id
	Max             int    // records a poll
	Partitions      int32
	Configs         map[string]*string
	Offsets         map[int32]int64
	Records         []record
	Accept, Release string // values of records that a share consumer accepts or gives back; all others it accepts
}

// events are what a running consumer has seen so far. Lists of partitions are by topic.
type events struct {
	Records   []record
	Changes   []change
	Assigned  map[string][]int32
	Committed int // transactions
	Aborted   int
	Errors    []string
}

type change struct {
	Kind       string // assigned, revoked, lost
	Partitions map[string][]int32
}

// running is a consumer at work: its goroutine adds to the events, `seen` reads them.
type running struct {
	mutex  sync.Mutex
	events events
	cancel context.CancelFunc
	done   chan struct{}
}

func (r *running) note(add func(*events)) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	add(&r.events)
}

func (r *running) assigned(kind string, partitions map[string][]int32) {
	r.note(func(e *events) {
		e.Changes = append(e.Changes, change{kind, partitions})
		if e.Assigned == nil {
			e.Assigned = map[string][]int32{}
		}
		for topic, which := range partitions {
			held := map[int32]bool{}
			for _, each := range e.Assigned[topic] {
				held[each] = true
			}
			for _, each := range which {
				held[each] = kind == "assigned"
			}
			e.Assigned[topic] = []int32{}
			for each, is := range held {
				if is {
					e.Assigned[topic] = append(e.Assigned[topic], each)
				}
			}
		}
	})
}

func (r *running) seen() any {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	text, err := json.Marshal(r.events)
	if err != nil {
		panic(err)
	}
	return json.RawMessage(text)
}

// client is what both clients are driven by; `run` answers with something that JSON can say.
type client interface {
	run(ctx context.Context, command ask) (any, error)
	describe(error) map[string]any
	close()
}

func main() {
	clients := map[string]func(string) (client, error){"franz": newFranz, "sarama": newSarama}
	driven, err := clients[os.Args[1]](os.Args[2])
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	lines := bufio.NewReader(os.Stdin)
	answers := json.NewEncoder(os.Stdout)
	for {
		line, err := lines.ReadBytes('\n')
		if err != nil {
			break
		}
		var command ask
		if err := json.Unmarshal(line, &command); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		answer, err := driven.run(ctx, command)
		cancel()
		if err != nil {
			err = answers.Encode(map[string]any{"error": driven.describe(err)})
		} else {
			err = answers.Encode(map[string]any{"answer": answer})
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
	driven.close()
}
