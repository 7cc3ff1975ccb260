package execution

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestWords(t *testing.T) {
	long := strings.Repeat("é", 50)
	for text, want := range map[string][]string{
		"":                           nil,
		"  ":                         nil,
		"image_pull ErrImagePull: x": {"image_pull", "errimagepull", "x"},
		"a A a. (a)":                 {"a"},
		"3.11 - ---":                 {"3.11"},
		"größe 日本":                   {"größe", "日本"},
		"\xff\xfeok":                 {"ok"},
		long:                         {strings.Repeat("é", 20)},
	} {
		if got := Words(text); !slices.Equal(got, want) {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
	if n := len(Words(strings.Repeat("x ", 10) + strings.Join(strings.Split(strings.Repeat("abcdefghij", 100), "e"), " f1 "))); n > maxWords {
		t.Error(n)
	}
}

func TestEventQueryIsBounded(t *testing.T) {
	at := time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)
	for field, q := range map[string]EventQuery{
		"event_ids":           {EventIDs: make([]string, 1001)},
		"event_types":         {Types: make([]EventType, 101)},
		"exclude_event_types": {ExcludeTypes: make([]EventType, 101)},
		"to":                  {From: at, To: at},
		"text":                {Text: strings.Repeat("a", 201)},
	} {
		wrong, _ := errors.AsType[FieldErrors](q.Validate())
		if len(wrong) == 0 || wrong[0].Field != field {
			t.Errorf("%s: %v", field, q.Validate())
		}
		if q.Empty() {
			t.Errorf("%s: it is empty", field)
		}
	}
	for _, text := range []string{"...", "a b c d e f g h i"} {
		if (EventQuery{Text: text}).Validate() == nil {
			t.Errorf("%q is taken", text)
		}
	}
	if !(EventQuery{}).Empty() || (EventQuery{Text: "a b", From: at, To: at.Add(1)}).Validate() != nil {
		t.Error("what is right is refused")
	}
}
