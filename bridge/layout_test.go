package bridge

import (
	"strings"
	"testing"
	"time"
)

func TestReshape(t *testing.T) {
	for _, tt := range []struct {
		text string
		err  []string // parts of it; none: all is well
	}{
		{"", nil},
		{"execution_events:partitions=24,retention=30d  execution_tasks.gpu:max-message-bytes=4194304 *:compression=zstd result_stored:retention=36h,compression=lz4", nil},
		{"execution_events:retention=6d", []string{"execution_events", "at least 7d"}},
		{"nowhere:partitions=1", []string{`no topic "nowhere"`}},
		{"*:partitions=0", []string{"partitions must be 1 to 1000"}},
		{"result_stored:partitions=many,retention=1m,max-message-bytes=1000,compression=zip,owner=me", []string{
			"partitions must be 1 to 1000", "retention must be 1h to 3650d", "max-message-bytes must be 2097152", "compression must be producer", `"owner" is none of`,
		}},
		{"result_stored", []string{`"" is none of`}},
		{"result_stored:retention=99999999999d", []string{"retention must be"}},
	} {
		before := Topics("gpu")
		got, err := Reshape(before, tt.text)
		if (err == nil) != (tt.err == nil) {
			t.Errorf("%s: %v", tt.text, err)
		}
		for _, part := range tt.err {
			if err != nil && strings.Count(err.Error(), part) != 1 {
				t.Errorf("%s: %v, want %s in it once", tt.text, err, part)
			}
		}
		if before[0] != Topics()[0] || len(got) != len(before) {
			t.Errorf("%s: what it was given changed", tt.text)
		}
	}
	got, _ := Reshape(Topics("gpu"), "execution_events:partitions=24,retention=30d *:compression=zstd execution_tasks.gpu:max-message-bytes=4194304 result_stored:retention=36h,compression=lz4")
	for _, topic := range got {
		want := map[string]Topic{
			EventsTopic:           {EventsTopic, 24, 30 * day, 0, "zstd"},
			ResultsTopic:          {ResultsTopic, 12, 36 * time.Hour, 0, "lz4"},
			"execution_tasks.gpu": {"execution_tasks.gpu", 6, 3 * day, 4 << 20, "zstd"},
		}[topic.Name]
		if want.Name != "" && topic != want || topic.Compression == "" {
			t.Errorf("%+v, want %+v", topic, want)
		}
	}
}
