package bridge

import (
	"errors"

	"github.com/riferrei/srclient"

	"github.com/codesaga/codesaga/execution"
)

// compatibility is what every subject promises: whoever reads under any version
// reads what was written under any other.
const compatibility = srclient.FullTransitive

// subjects is what setup needs of srclient.
type subjects interface {
	registry
	CreateSchema(subject, schema string, kind srclient.SchemaType, references ...srclient.Reference) (*srclient.Schema, error)
	GetCompatibilityLevel(subject string, orGlobal bool) (*srclient.CompatibilityLevel, error)
	ChangeSubjectCompatibilityLevel(subject string, level srclient.CompatibilityLevel) (*srclient.CompatibilityLevel, error)
}

// subject registers schema under name, unless that was done. A schema that is
// not compatible with a past one is refused by the registry, as Conflict.
func (s *setup) subject(r subjects, name, schema string) error {
	_, err := r.LookupSchema(name, schema, srclient.Avro)
	if err != nil && unknown(err) != execution.Invalid {
		return execution.Errorf(execution.Unavailable, "%w", err)
	}
	if err != nil {
		s.say("registered schema of %s", name)
		if !s.layout.DryRun {
			if _, err := r.CreateSchema(name, schema, srclient.Avro); err != nil {
				return refused(err)
			}
		}
	}
	level, err := r.GetCompatibilityLevel(name, false)
	was := "none of its own"
	switch {
	case err == nil && *level == compatibility:
		return nil
	case err == nil:
		was = level.String()
	case unknown(err) != execution.Invalid:
		return execution.Errorf(execution.Unavailable, "%w", err)
	}
	s.say("set compatibility of %s to %s (was %s)", name, compatibility, was)
	if s.layout.DryRun {
		return nil
	}
	if _, err := r.ChangeSubjectCompatibilityLevel(name, compatibility); err != nil {
		return refused(err)
	}
	return nil
}

// refused is an error of a write to the registry: a 4xx is its last word.
func refused(err error) error {
	if answer, ok := errors.AsType[srclient.Error](err); ok {
		for answer.Code >= 1000 {
			answer.Code /= 10
		}
		if answer.Code >= 400 && answer.Code < 500 {
			return execution.Errorf(execution.Conflict, "%w", err)
		}
	}
	return execution.Errorf(execution.Unavailable, "%w", err)
}
