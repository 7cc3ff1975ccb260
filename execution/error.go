package execution

import (
	"errors"
	"fmt"
	"strings"
)

// Kind sorts errors by what the caller can do about them.
type Kind string

// The kinds, and what the caller can do.
const (
	Malformed   Kind = "malformed"   // not to be read at all: mend the syntax or a type
	Invalid     Kind = "invalid"     // change the request
	TooLarge    Kind = "too_large"   // send less
	Anonymous   Kind = "anonymous"   // sign in
	Forbidden   Kind = "forbidden"   // ask somebody who may
	NotFound    Kind = "not_found"   // look elsewhere
	Conflict    Kind = "conflict"    // read again, then decide
	Exhausted   Kind = "exhausted"   // a limit is reached: try later
	Unavailable Kind = "unavailable" // a part of the platform is down: the same request will work
	Internal    Kind = "internal"    // tell those who run the platform
)

// kinded is an error with a kind. Its text may be shown to the user unless the
// kind is Unavailable or Internal.
type kinded struct {
	kind Kind
	error
	code string
}

func (e kinded) Unwrap() error { return e.error }

// Errorf is fmt.Errorf with a kind.
func Errorf(kind Kind, format string, args ...any) error {
	return kinded{kind: kind, error: fmt.Errorf(format, args...)}
}

// Coded is Errorf with a code that names the error more closely than its kind,
// for clients to tell it by: such as queue_full.
func Coded(kind Kind, code, format string, args ...any) error {
	return kinded{kind: kind, error: fmt.Errorf(format, args...), code: code}
}

// CodeOf finds the code of err, or that of its kind if it has none of its own.
func CodeOf(err error) string {
	if e, ok := errors.AsType[kinded](err); ok && e.code != "" {
		return e.code
	}
	return string(KindOf(err))
}

// KindOf finds the kind of err: none if err is nil, Internal if it has none.
func KindOf(err error) Kind {
	if err == nil {
		return ""
	}
	if e, ok := errors.AsType[kinded](err); ok {
		return e.kind
	}
	if _, ok := errors.AsType[FieldErrors](err); ok {
		return Invalid
	}
	return Internal
}

// FieldError says which field of a request breaks which rule.
type FieldError struct {
	Field string `json:"field" bson:"field"` // as in the request, such as limits.timeout_seconds
	Rule  string `json:"rule" bson:"rule"`   // such as 1..300
}

// FieldErrors is all that is wrong with a well-formed request; its kind is
// Invalid.
type FieldErrors []FieldError

// Error lists the fields and their rules.
func (e FieldErrors) Error() string {
	parts := make([]string, len(e))
	for i, f := range e {
		parts[i] = f.Field + ": " + f.Rule
	}
	return strings.Join(parts, "; ")
}

// add notes that field breaks rule unless ok.
func (e *FieldErrors) add(ok bool, field, rule string, args ...any) {
	if !ok {
		*e = append(*e, FieldError{Field: field, Rule: fmt.Sprintf(rule, args...)})
	}
}
