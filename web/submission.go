package web

import (
	"cmp"
	"encoding/base64"
	"encoding/json"
	"errors"
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/codesaga/codesaga/execution"
)

// Submission is what a client asks for: the body of a POST of an execution.
type Submission struct {
	Language string             `json:"language"`          // by ID or alias
	Version  string             `json:"version,omitempty"` // the language's default if empty
	Script   string             `json:"script,omitempty"`
	Entry    string             `json:"entry_point,omitempty"` // where the script lies, or the one of files that is run; as the language has it if empty
	Args     []string           `json:"args,omitempty"`
	Stdin    string             `json:"stdin,omitempty"`
	Env      map[string]string  `json:"env,omitempty"`
	Files    []SubmittedFile    `json:"files,omitempty"`
	Limits   SubmittedLimits    `json:"limits,omitzero"`
	Priority execution.Priority `json:"priority,omitempty"` // normal if empty
	Pool     string             `json:"pool,omitempty"`     // default if empty
	Labels   map[string]string  `json:"labels,omitempty"`

	Interactive bool                  `json:"interactive,omitempty"`
	Network     *Network              `json:"network,omitempty"`
	Retry       execution.RetryPolicy `json:"retry,omitzero"`
	CallbackURL string                `json:"callback_url,omitempty"`
	ScheduledAt string                `json:"scheduled_at,omitempty"` // RFC 3339; now if empty
	Expected    *SubmittedExpected    `json:"expected_output,omitempty"`
}

// Network is what a run may reach.
type Network struct {
	Egress []execution.Egress `json:"egress"`
}

// SubmittedExpected is execution.Expected, with a comparison and a tolerance
// that may be left out.
type SubmittedExpected struct {
	Stdout     string   `json:"stdout"`
	Comparison string   `json:"comparison,omitempty"` // exact if empty
	Tolerance  *float64 `json:"tolerance,omitempty"`  // 1e-6 if left out
}

// SubmittedFile is a file that lies beside the script. It has one of both
// contents.
type SubmittedFile struct {
	Path          string  `json:"path"`
	Content       *string `json:"content,omitempty"`
	ContentBase64 *string `json:"content_base64,omitempty"`
}

// SubmittedLimits are execution.Limits that tell a zero from nothing.
type SubmittedLimits struct {
	TimeoutSeconds *int64 `json:"timeout_seconds,omitempty"`
	CPUMillis      *int64 `json:"cpu_millis,omitempty"`
	MemoryBytes    *int64 `json:"memory_bytes,omitempty"`
	OutputBytes    *int64 `json:"output_bytes,omitempty"`
	Processes      *int64 `json:"processes,omitempty"`
	DiskBytes      *int64 `json:"disk_bytes,omitempty"`
	CPUSeconds     *int64 `json:"cpu_seconds,omitempty"`
	OpenFiles      *int64 `json:"open_files,omitempty"`
	FileBytes      *int64 `json:"file_bytes,omitempty"`
}

// asked is l for Bounds.Apply: there a zero stands for nothing, so a zero that
// was asked for becomes -1, which is out of every range likewise.
func (l SubmittedLimits) asked() execution.Limits {
	value := func(p *int64) int64 {
		switch {
		case p == nil:
			return 0
		case *p == 0:
			return -1
		default:
			return *p
		}
	}
	return execution.Limits{
		TimeoutSeconds: value(l.TimeoutSeconds), CPUMillis: value(l.CPUMillis), MemoryBytes: value(l.MemoryBytes),
		OutputBytes: value(l.OutputBytes), Processes: value(l.Processes), DiskBytes: value(l.DiskBytes),
		CPUSeconds: value(l.CPUSeconds), OpenFiles: value(l.OpenFiles), FileBytes: value(l.FileBytes),
	}
}

// files returns what is in the files of b, and notes what is wrong with them.
func (b Submission) files(wrong *execution.FieldErrors) []execution.File {
	var files []execution.File
	for _, f := range b.Files {
		file := execution.File{Path: f.Path}
		switch {
		case (f.Content == nil) == (f.ContentBase64 == nil):
			*wrong = append(*wrong, execution.FieldError{Field: "files.content", Rule: "one of content and content_base64"})
		case f.Content != nil:
			file.Content = []byte(*f.Content)
		default:
			content, err := base64.StdEncoding.DecodeString(*f.ContentBase64)
			if err != nil {
				*wrong = append(*wrong, execution.FieldError{Field: "files.content_base64", Rule: "base64 (RFC 4648 § 4)"})
			}
			file.Content = content
		}
		files = append(files, file)
	}
	return files
}

// expected is e with what was left out.
func (e *SubmittedExpected) expected() *execution.Expected {
	if e == nil {
		return nil
	}
	x := &execution.Expected{Stdout: e.Stdout, Comparison: cmp.Or(e.Comparison, execution.CompareExact)}
	switch {
	case e.Tolerance != nil:
		x.Tolerance = *e.Tolerance
	case x.Comparison == execution.CompareFloat:
		x.Tolerance = 1e-6
	}
	return x
}

// notBefore is when b is to run, and notes what is wrong with that; nil: now.
func (b Submission) notBefore(wrong *execution.FieldErrors) *time.Time {
	if b.ScheduledAt == "" {
		return nil
	}
	at, err := time.Parse(time.RFC3339, b.ScheduledAt)
	if err != nil {
		*wrong = append(*wrong, execution.FieldError{Field: "scheduled_at", Rule: "a time such as 2026-08-01T12:00:00Z"})
	}
	return new(at.UTC().Truncate(time.Millisecond))
}

// executionOf returns the execution that user asks for with b. What is wrong
// is a FieldErrors, all of it.
func (s *Server) executionOf(b Submission, user string) (execution.Execution, error) {
	var wrong execution.FieldErrors
	l, v, err := s.Languages.Find(b.Language, b.Version)
	wrong = add(wrong, err)
	limits, err := s.Bounds.Apply(b.Limits.asked(), l.Limits)
	wrong = add(wrong, err)
	x := execution.Execution{
		ID: execution.NewID(), UserID: user, Language: l.ID, Version: v.Version, Program: l.Program(v, s.LocalImages, b.Entry),
		Input:  execution.Input{Script: b.Script, Args: b.Args, Stdin: b.Stdin, Env: execution.Pairs(b.Env), Files: b.files(&wrong)},
		Limits: limits, Priority: cmp.Or(b.Priority, execution.Normal), Pool: cmp.Or(b.Pool, s.Pools[0]), Labels: execution.Pairs(b.Labels), Attempt: 1,
		Interactive: b.Interactive, Retry: b.Retry, CallbackURL: b.CallbackURL, NotBefore: b.notBefore(&wrong), Expected: b.Expected.expected(),
		Status: execution.Queued, CreatedAt: now(),
	}
	if b.Network != nil {
		x.Egress = b.Network.Egress
	}
	if err := s.check(x); err != nil {
		wrong = add(wrong, err)
	}
	if len(wrong) > 0 {
		return x, add(nil, wrong)
	}
	return x, nil
}

// check reports what is wrong with x, for what this installation allows.
func (s *Server) check(x execution.Execution) error {
	var wrong execution.FieldErrors
	if !slices.Contains(s.Pools, x.Pool) {
		wrong = append(wrong, execution.FieldError{Field: "pool", Rule: "one of " + strings.Join(s.Pools, ", ")})
	}
	if x.CallbackURL != "" {
		err := errors.New("callbacks are not configured")
		if s.CallbackURL != nil {
			err = s.CallbackURL(x.CallbackURL)
		}
		if err != nil {
			wrong = append(wrong, execution.FieldError{Field: "callback_url", Rule: err.Error()})
		}
	}
	if wrong = add(wrong, x.Validate(s.EgressAllowed)); len(wrong) > 0 {
		return wrong
	}
	return nil
}

// add appends the FieldErrors in err: the first of each field.
func add(to execution.FieldErrors, err error) execution.FieldErrors {
	more, _ := errors.AsType[execution.FieldErrors](err)
	for _, e := range more {
		if !slices.ContainsFunc(to, func(f execution.FieldError) bool { return f.Field == e.Field }) {
			to = append(to, e)
		}
	}
	return to
}

// over is b, of which so much was said, with all else taken from shared. Of
// limits, env and labels the members are taken one by one.
func (b Submission) over(shared Submission, said map[string]json.RawMessage) Submission {
	has := map[string]bool{}
	for name := range said {
		has[strings.ToLower(name)] = true // encoding/json does not mind the case
	}
	own, from := reflect.ValueOf(&b).Elem(), reflect.ValueOf(shared)
	for i := range own.NumField() {
		name, _, _ := strings.Cut(own.Type().Field(i).Tag.Get("json"), ",")
		if !has[name] {
			own.Field(i).Set(from.Field(i))
		}
	}
	own, from = reflect.ValueOf(&b.Limits).Elem(), reflect.ValueOf(shared.Limits)
	for i := range own.NumField() {
		if own.Field(i).IsNil() {
			own.Field(i).Set(from.Field(i))
		}
	}
	b.Env, b.Labels = both(shared.Env, b.Env), both(shared.Labels, b.Labels)
	return b
}

// both has what is in a and b; of the same name, what is in b.
func both(a, b map[string]string) map[string]string {
	if len(a) == 0 {
		return b
	}
	all := maps.Clone(a)
	maps.Copy(all, b)
	return all
}

// submissionOf is what x was asked for with, its limits as they were decided;
// light is without what may be large.
func submissionOf(x execution.Execution, light bool) Submission {
	b := Submission{
		Language: x.Language, Version: x.Version, Entry: x.Program.FileName, Limits: submittedLimits(x.Limits), Priority: x.Priority, Pool: x.Pool,
		Labels: execution.Map(x.Labels), Interactive: x.Interactive, Retry: x.Retry, CallbackURL: x.CallbackURL,
	}
	if len(x.Egress) > 0 {
		b.Network = &Network{Egress: x.Egress}
	}
	if light {
		return b
	}
	b.Script, b.Args, b.Stdin, b.Env = x.Input.Script, x.Input.Args, x.Input.Stdin, execution.Map(x.Input.Env)
	for _, f := range x.Input.Files {
		b.Files = append(b.Files, SubmittedFile{Path: f.Path, ContentBase64: new(base64.StdEncoding.EncodeToString(f.Content))})
	}
	if e := x.Expected; e != nil {
		b.Expected = &SubmittedExpected{Stdout: e.Stdout, Comparison: e.Comparison, Tolerance: &e.Tolerance}
	}
	return b
}

// submittedLimits is the opposite of asked.
func submittedLimits(l execution.Limits) SubmittedLimits {
	value := func(n int64) *int64 {
		if n == 0 {
			return nil
		}
		return &n
	}
	return SubmittedLimits{
		TimeoutSeconds: value(l.TimeoutSeconds), CPUMillis: value(l.CPUMillis), MemoryBytes: value(l.MemoryBytes),
		OutputBytes: value(l.OutputBytes), Processes: value(l.Processes), DiskBytes: value(l.DiskBytes),
		CPUSeconds: value(l.CPUSeconds), OpenFiles: value(l.OpenFiles), FileBytes: value(l.FileBytes),
	}
}
