package e2e

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// EV-05: setup shows what differs from the configuration, and changes it when it
// is not a dry run.
func TestSetupShowsWhatDiffers(t *testing.T) {
	s := beside(t, 2*time.Minute)
	topic := the.prefix + "notification_events"
	same := said{out: "nothing to change\n"}
	changes := func(would, retention, was, compression, wasCompression string) string {
		return fmt.Sprintf("kafka: %[1]sset compression.type of topic %[2]s to %[5]s (was %[6]s)\nkafka: %[1]sset retention.ms of topic %[2]s to %[3]s (was %[4]s)\n",
			would, topic, retention, was, compression, wasCompression)
	}
	const shape = "notification_events:retention=8d,compression=zstd"
	for i, step := range []struct {
		args []string
		want said
	}{
		{[]string{"-dry-run"}, same},
		{[]string{"-topics", shape, "-dry-run"}, said{out: changes("would have ", "691200000", "604800000", "zstd", "producer"), code: 3}},
		{[]string{"-topics", shape}, said{out: changes("", "691200000", "604800000", "zstd", "producer")}},
		{[]string{"-topics", shape, "-dry-run"}, same},
		{[]string{}, said{out: changes("", "604800000", "691200000", "producer", "zstd")}},
		{[]string{"-topics", "platform_events:partitions=9,retention=1s"}, said{err: "codesaga: topics: platform_events:partitions=9,retention=1s: retention must be 1h to 3650d\n", code: 2}},
		{[]string{"-dry-run"}, same},
	} {
		if got := s.finish(the.command(s, append([]string{"setup"}, step.args...)...)); got != step.want {
			t.Fatalf("step %d, setup %s: %+v, want %+v", i, strings.Join(step.args, " "), got, step.want)
		}
	}
}
