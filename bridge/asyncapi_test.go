package bridge

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/segmentio/kafka-go"

	"github.com/codesaga/codesaga/execution"
)

func asyncAPI(t *testing.T) (doc map[string]any) {
	t.Helper()
	text, err := AsyncAPI("1.2.3", "dev_", Topics("default", "gpu"))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &doc); err != nil {
		t.Fatal(err)
	}
	return doc
}

// at follows a path of names, or a reference.
func at(t *testing.T, doc map[string]any, path ...string) map[string]any {
	t.Helper()
	found := doc
	for _, name := range path {
		next, ok := found[name].(map[string]any)
		if !ok {
			t.Fatalf("nothing at %v", path)
		}
		found = next
	}
	return found
}

// The document has what AsyncAPI 3.0 requires, and its references lead somewhere.
func TestAsyncAPIIsWhole(t *testing.T) {
	doc := asyncAPI(t)
	if doc["asyncapi"] != "3.0.0" || at(t, doc, "info")["version"] != "1.2.3" || at(t, doc, "info")["title"] == "" {
		t.Errorf("%v %v", doc["asyncapi"], doc["info"])
	}
	references := 0
	var follow func(v any)
	follow = func(v any) {
		switch v := v.(type) {
		case []any:
			for _, each := range v {
				follow(each)
			}
		case map[string]any:
			if to, ok := v["$ref"].(string); ok {
				references++
				at(t, doc, strings.Split(strings.TrimPrefix(to, "#/"), "/")...)
			}
			for _, each := range v {
				follow(each)
			}
		}
	}
	follow(doc)
	if references < 10 {
		t.Errorf("%d references", references)
	}
	for name := range at(t, doc, "operations") {
		if action := at(t, doc, "operations", name)["action"]; action != "send" && action != "receive" {
			t.Errorf("%s: %v", name, action)
		}
	}
}

// It says of each topic what setup makes, and of each message what codecs and
// publishers do.
func TestAsyncAPISaysWhatIs(t *testing.T) {
	doc := asyncAPI(t)
	for _, topic := range Topics("default", "gpu") {
		channel := at(t, doc, "channels", topic.Name)
		kafka := at(t, channel, "bindings", "kafka")
		config := at(t, kafka, "topicConfiguration")
		if channel["address"] != "dev_"+topic.Name || channel["description"] == "" || kafka["partitions"] != float64(topic.Partitions) ||
			config["retention.ms"] != float64(topic.Retention.Milliseconds()) || config["max.message.bytes"] != float64(maxMessage) {
			t.Errorf("%s: %v", topic.Name, channel)
		}
	}
	if said := at(t, doc, "operations", "read.kube-gpu", "bindings", "kafka", "groupId")["const"]; said != "dev_kube-gpu" {
		t.Errorf("the group of another pool is %v", said)
	}
	for _, topic := range contracted {
		got, err := json.Marshal(at(t, doc, "components", "messages", topic, "payload")["schema"])
		if err != nil || !identical(string(got), schemaOf(topic)) {
			t.Errorf("%s has another schema", topic)
		}
	}
	p := Publisher{Version: "1", Environment: "test"}
	told := p.headers(t.Context(), envelope{"i", "k", "s", "x", "c", time.Now()})
	declared(t, doc, EventsTopic, told)
	declared(t, doc, DeadTopic, deadLetter(kafka.Message{}, failure{err: execution.Errorf(execution.Invalid, "no")}).Headers)
}

func declared(t *testing.T, doc map[string]any, topic string, told []kafka.Header) {
	t.Helper()
	known := at(t, doc, "components", "messages", topic, "headers", "properties")
	if len(told) < 8 || slices.ContainsFunc(told, func(h kafka.Header) bool { return known[h.Key] == nil }) {
		t.Errorf("%s: a header is not described: %v", topic, told)
	}
}
