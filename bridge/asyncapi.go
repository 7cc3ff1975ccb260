package bridge

import (
	"encoding/json"
	"strconv"
	"strings"

	"github.com/codesaga/codesaga/tracing"
)

// object is one of JSON.
type object = map[string]any

// said is what the document says of each topic.
var said = map[string]struct{ title, text string }{
	EventsTopic:        {"What happens to executions", "All events of one execution, in order; light, without output. Who follows it learns of each step and of the end."},
	TasksTopic:         {"Work for Kubernetes", "Tasks to create and to delete pods, for the workers of a pool. It carries scripts and their input."},
	OutputTopic:        {"Output of scripts", "Chunks of stdout, stderr and compiler output as they are printed, numbered without a gap."},
	ResultsTopic:       {"Results", "One for each execution, once it is in the database: the verdict, usage, and output up to 256 KiB of each stream."},
	DeadTopic:          {"Dead letters", "Messages that a consumer group could not handle, with their bytes as they were; the headers say from where, and why."},
	NotificationsTopic: {"Notices to people", "How their runs ended, and to operators that dead letters wait: what a user finds in the inbox."},
	PlatformTopic:      {"What happens to people and the platform", "What becomes of dead letters: that one was received, took effect after all, waits for a person, or was decided about."},
}

// The consumer groups of the platform's own.
const (
	FactsGroup     = "saga-bridge"
	ResultsGroup   = "results"
	CallbacksGroup = "callbacks"
	ProjectorGroup = "projector"
	RecorderGroup  = "recorder"
	LettersGroup   = "letters"
	InboxGroup     = "inbox"
	PlatformGroup  = "platform"
	kubeGroup      = "kube"
)

// KubeGroup is the consumer group of the workers of pool.
func KubeGroup(pool string) string {
	if TasksOf(pool) == TasksTopic {
		return kubeGroup
	}
	return kubeGroup + "-" + pool
}

// groups are those that read a topic.
func groups(topic string) []string {
	switch topic {
	case EventsTopic:
		return []string{FactsGroup, ResultsGroup, CallbacksGroup, ProjectorGroup}
	case OutputTopic:
		return []string{RecorderGroup}
	case TasksTopic:
		return []string{kubeGroup}
	case DeadTopic:
		return []string{LettersGroup}
	case NotificationsTopic:
		return []string{InboxGroup}
	case PlatformTopic:
		return []string{PlatformGroup}
	}
	if pool, ok := strings.CutPrefix(topic, TasksTopic+"."); ok {
		return []string{KubeGroup(pool)}
	}
	return nil
}

// AsyncAPI is the contract of the topics as an AsyncAPI 3.0 document, in JSON:
// addresses, keys, headers, retention, schemas, and who reads what. It comes from
// the layout and the schemas that this program uses. Its prefix is that of the
// names of topics, subjects and groups.
func AsyncAPI(version, prefix string, topics []Topic) ([]byte, error) {
	channels, operations, messages := object{}, object{}, object{}
	for _, topic := range contracted {
		messages[topic] = message(prefix, topic)
	}
	messages[DeadTopic] = object{
		"title": "DeadLetter", "summary": said[DeadTopic].text,
		"payload":  object{"description": "the value of the original message"},
		"headers":  headers(deadLetterHeaders),
		"bindings": object{"kafka": object{"key": object{"type": "string", "description": "that of the original message"}}},
	}
	for _, t := range topics {
		contract := t.Name
		if _, pooled := said[contract]; !pooled {
			contract = TasksTopic
		}
		channel := object{
			"address": prefix + t.Name, "title": said[contract].title, "description": said[contract].text,
			"bindings": object{"kafka": kafkaChannel(prefix, t)},
		}
		if _, ok := messages[contract]; ok {
			channel["messages"] = object{contract: ref("components", "messages", contract)}
			operations["publish."+t.Name] = object{"action": "send", "channel": ref("channels", t.Name), "summary": "by the platform"}
		}
		channels[t.Name] = channel
		for _, group := range groups(t.Name) {
			operations["read."+group] = object{
				"action": "receive", "channel": ref("channels", t.Name), "summary": "by the platform itself, as the consumer group " + prefix + group,
				"bindings": object{"kafka": object{"groupId": object{"type": "string", "const": prefix + group}}},
			}
		}
	}
	return json.Marshal(object{
		"asyncapi": "3.0.0",
		"info": object{
			"title": "codesaga: events", "version": version,
			"description": "What other programs may read. Schemas change only so that any version reads what any other wrote (FULL_TRANSITIVE): " +
				"ignore fields and types of events that you do not know. Messages may come twice: ce_id tells. " +
				"Read with a consumer group of your own; write to none of these topics.",
			"license": object{"name": "Apache-2.0"},
		},
		"defaultContentType": "application/avro",
		"channels":           channels, "operations": operations, "components": object{"messages": messages},
	})
}

func ref(path ...string) object { return object{"$ref": "#/" + strings.Join(path, "/")} }

func message(prefix, topic string) object {
	key := "the ID of the execution"
	switch topic {
	case NotificationsTopic:
		key = "the user whom it is for"
	case PlatformTopic:
		key = "the user who did it, or else who tells"
	}
	return object{
		"title": said[topic].title, "summary": said[topic].text, "contentType": "application/avro",
		"payload": object{"schemaFormat": "application/vnd.apache.avro+json;version=1.9.0", "schema": json.RawMessage(schemaOf(topic))},
		"headers": headers(envelopeHeaders),
		"bindings": object{"kafka": object{
			"key":              object{"type": "string", "description": key},
			"schemaIdLocation": "payload", "schemaIdPayloadEncoding": "confluent", "schemaLookupStrategy": "TopicIdStrategy",
		}},
		"x-subject": subject(prefix, topic),
	}
}

// kafkaChannel is the binding of t, version 0.5.0.
func kafkaChannel(prefix string, t Topic) object {
	config := object{}
	for _, s := range t.settings() {
		switch n, err := strconv.ParseInt(s.value, 10, 64); {
		case s.name == "cleanup.policy":
			config[s.name] = []string{s.value}
		case s.name == "compression.type": // has no place in the binding
		case err == nil:
			config[s.name] = n
		}
	}
	return object{"topic": prefix + t.Name, "partitions": t.Partitions, "topicConfiguration": config, "bindingVersion": "0.5.0"}
}

// A header, and what it says.
type described struct{ name, text string }

var envelopeHeaders = []described{
	{"ce_specversion", "1.0, of CloudEvents"},
	{"ce_id", "what is sent twice has the same"},
	{typeHeader, "what happened"},
	{"ce_source", "codesaga/ and who tells: saga, kube, results, web or letters"},
	{"ce_subject", "the ID of the execution; otherwise the key"},
	{"ce_time", "when, in RFC 3339"},
	{"ce_correlationid", "of the request that began it"},
	{"ce_sourceversion", "the version of the program"},
	{"ce_environment", "such as production"},
	{"content-type", "application/avro"},
	{redriveGroup, "the consumer group that this copy is written again for, because it could not handle the message; pass it over if that is not yours"},
	{tracing.Header, "W3C Trace Context"},
}

var deadLetterHeaders = []described{
	{deadTopic, "where it was"},
	{deadPartition, "where it was"},
	{deadOffset, "where it was"},
	{deadTime, "of the original message, in RFC 3339"},
	{deadGroup, "which consumer group could not handle it"},
	{deadClass, "the kind of the error"},
	{deadMessage, "the error"},
	{deadAttempts, "how often it was tried"},
	{deadFirst, "when it failed first, in RFC 3339"},
	{redriveLetter, "the ID of the letter, of a message that was redriven"},
	{redriveRound, "which redrive it was, from 1"},
	{redriveReceipt, "handled: this is not a letter, it says that the group has handled it"},
	{deadOmitted, "the length of the value, if that was too large to be written again"},
}

func headers(all []described) object {
	properties := object{}
	for _, h := range all {
		properties[h.name] = object{"type": "string", "description": h.text}
	}
	return object{"type": "object", "properties": properties}
}
