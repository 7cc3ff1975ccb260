package web

import (
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"reflect"
	"strings"
	"unicode/utf8"

	"github.com/gin-gonic/gin"

	"github.com/codesaga/codesaga/execution"
)

// maxBody is in bytes. It leaves room for what JSON escapes in 900 KiB of
// inputs.
const maxBody = 2 << 20

// decode reads the body of c, which is one JSON value of the form of to, into
// to. Fields that to does not have are refused, so that a misspelt limit is
// not a missing one. With optional, nothing at all is fine, too.
func decode(c *gin.Context, to any, optional bool) error {
	body, err := io.ReadAll(http.MaxBytesReader(c.Writer, c.Request.Body, maxBody))
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return execution.Errorf(execution.TooLarge, "the body is beyond %d bytes", maxBody)
	}
	if err != nil {
		return execution.Errorf(execution.Malformed, "the body broke off")
	}
	if optional && len(body) == 0 {
		return nil
	}
	if media, _, err := mime.ParseMediaType(c.GetHeader("Content-Type")); c.GetHeader("Content-Type") != "" && (err != nil || media != "application/json") {
		return newProblem(http.StatusUnsupportedMediaType, "unsupported_media_type", "the body has to be application/json")
	}
	if !utf8.Valid(body) { // encoding/json would replace it in silence
		return execution.Errorf(execution.Malformed, "the body is not UTF-8")
	}
	d := json.NewDecoder(strings.NewReader(string(body)))
	d.DisallowUnknownFields()
	if err := d.Decode(to); err != nil {
		return malformed(err)
	}
	if _, err := d.Token(); err != io.EOF {
		return execution.Errorf(execution.Malformed, "there is more than one value in the body")
	}
	return nil
}

// malformed says what encoding/json means, and of which field.
func malformed(err error) error {
	if t, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		return wrongField(t.Field, nameOf(t.Type))
	}
	if t, ok := errors.AsType[*json.SyntaxError](err); ok {
		return execution.Errorf(execution.Malformed, "not JSON at byte %d", t.Offset)
	}
	if field, ok := strings.CutPrefix(err.Error(), "json: unknown field "); ok { // it has no type
		return wrongField(strings.Trim(field, `"`), "is not known")
	}
	return execution.Errorf(execution.Malformed, "the body is empty or breaks off")
}

func wrongField(field, rule string) error {
	return execution.Errorf(execution.Malformed, "%w", execution.FieldErrors{{Field: field, Rule: rule}})
}

// nameOf is what a JSON value has to be for t.
func nameOf(t reflect.Type) string {
	switch t.Kind() {
	case reflect.Pointer:
		return nameOf(t.Elem())
	case reflect.Int, reflect.Int32, reflect.Int64:
		return "an integer"
	case reflect.String:
		return "a string"
	case reflect.Slice:
		return "an array"
	default:
		return "an object"
	}
}
