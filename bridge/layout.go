package bridge

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// compressions are those that Kafka knows for a topic; producer keeps what was
// sent, which is zstd.
var compressions = []string{"producer", "uncompressed", "gzip", "snappy", "lz4", "zstd"}

// Reshape returns topics as text says they are to be instead: entries with
// spaces between, each NAME:option=value with commas between options, NAME one
// of topics or * for all, a later entry over an earlier one. Options are
// partitions (1 to 1000), retention (a duration, or days as in 30d; 1h to 3650d,
// of execution_events at least 7d, parity EV-01), max-message-bytes (2097152,
// which is what a Writer may send, to 67108864) and compression. The error names
// all that is wrong.
func Reshape(topics []Topic, text string) (shaped []Topic, errs error) {
	shaped = slices.Clone(topics)
	for entry := range strings.FieldsSeq(text) {
		name, options, _ := strings.Cut(entry, ":")
		hit := false
		for i := range shaped {
			if name != "*" && name != shaped[i].Name {
				continue
			}
			hit = true
			for option := range strings.SplitSeq(options, ",") {
				if err := shaped[i].set(option); err != nil && (name != "*" || i == 0) { // once is enough
					errs = errors.Join(errs, fmt.Errorf("%s: %w", entry, err))
				}
			}
		}
		if !hit {
			errs = errors.Join(errs, fmt.Errorf("%s: there is no topic %q", entry, name))
		}
	}
	for _, t := range shaped {
		if t.Name == EventsTopic && t.Retention < 7*day {
			errs = errors.Join(errs, fmt.Errorf("%s: retention must be at least 7d", t.Name))
		}
	}
	return shaped, errs
}

// set makes what option, name=value, says of t true.
func (t *Topic) set(option string) (err error) {
	name, value, _ := strings.Cut(option, "=")
	switch name {
	case "partitions":
		t.Partitions, err = between(value, 1, 1000)
	case "max-message-bytes":
		t.MaxMessageBytes, err = between(value, maxMessage, 64<<20)
	case "retention":
		t.Retention, err = lifetime(value)
	case "compression":
		t.Compression = value
		if !slices.Contains(compressions, value) {
			err = errors.New("must be " + strings.Join(compressions, ", "))
		}
	default:
		return fmt.Errorf("%q is none of partitions, retention, max-message-bytes and compression", name)
	}
	if err != nil {
		return fmt.Errorf("%s %w", name, err)
	}
	return nil
}

func between(value string, least, most int) (int, error) {
	n, err := strconv.Atoi(value)
	if err != nil || n < least || n > most {
		return 0, fmt.Errorf("must be %d to %d", least, most)
	}
	return n, nil
}

// lifetime reads a duration, which may be in days.
func lifetime(value string) (d time.Duration, err error) {
	if n, in := strings.CutSuffix(value, "d"); in {
		var count int
		count, err = between(n, 1, 3650)
		d = time.Duration(count) * day
	} else {
		d, err = time.ParseDuration(value)
	}
	if err != nil || d < time.Hour || d > 3650*day || d%time.Millisecond != 0 {
		return 0, errors.New("must be 1h to 3650d")
	}
	return d, nil
}
