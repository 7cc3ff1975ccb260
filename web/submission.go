package web

import (
	"encoding/base64"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/codesaga/codesaga/execution"
)

// Submission is what a client asks for: the body of a POST of an execution.
type Submission struct {
	Language string             `json:"language"`          // by ID or alias
	Version  string             `json:"version,omitempty"` // the language's default if empty
	Script   string             `json:"script"`
	Args     []string           `json:"args,omitempty"`
	Stdin    string             `json:"stdin,omitempty"`
	Env      map[string]string  `json:"env,omitempty"`
	Files    []SubmittedFile    `json:"files,omitempty"`
	Limits   SubmittedLimits    `json:"limits,omitzero"`
	Priority execution.Priority `json:"priority,omitempty"` // normal if empty
	Pool     string             `json:"pool,omitempty"`     // default if empty
	Labels   map[string]string  `json:"labels,omitempty"`
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

// executionOf returns the execution that user asks for with b. What is wrong
// is a FieldErrors, all of it.
func (s *Server) executionOf(b Submission, user string) (execution.Execution, error) {
	var wrong execution.FieldErrors
	l, v, err := s.Languages.Find(b.Language, b.Version)
	wrong = add(wrong, err)
	limits, err := s.Bounds.Apply(b.Limits.asked(), l.Limits)
	wrong = add(wrong, err)
	x := execution.Execution{
		ID: execution.NewID(), UserID: user, Language: l.ID, Version: v.Version, Program: l.Program(v, s.LocalImages, ""),
		Input:  execution.Input{Script: b.Script, Args: b.Args, Stdin: b.Stdin, Env: execution.Pairs(b.Env), Files: b.files(&wrong)},
		Limits: limits, Priority: b.Priority, Pool: b.Pool, Labels: execution.Pairs(b.Labels), Attempt: 1,
		Status: execution.Queued, CreatedAt: time.Now().UTC().Truncate(time.Millisecond),
	}
	if x.Priority == "" {
		x.Priority = execution.Normal
	}
	if x.Pool == "" {
		x.Pool = "default"
	}
	if !slices.Contains(s.Pools, x.Pool) {
		wrong = append(wrong, execution.FieldError{Field: "pool", Rule: "one of " + strings.Join(s.Pools, ", ")})
	}
	wrong = add(wrong, x.Validate())
	if len(wrong) > 0 {
		return x, add(nil, wrong)
	}
	return x, nil
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
