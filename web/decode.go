package web

import (
	"cmp"
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
	return decodeUpTo(c, to, optional, maxBody)
}

// decodeUpTo is decode with another bound.
func decodeUpTo(c *gin.Context, to any, optional bool, most int64) error {
	body, err := io.ReadAll(http.MaxBytesReader(c.Writer, c.Request.Body, most))
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return execution.Errorf(execution.TooLarge, "the body is beyond %d bytes", most)
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
	return strict(body, to)
}

// strict reads body, which is one JSON value, into to, and no field that to
// does not have.
func strict(body []byte, to any) error {
	d := json.NewDecoder(strings.NewReader(string(body)))
	d.DisallowUnknownFields()
	if err := d.Decode(to); err != nil {
		return malformed(err, body, reflect.TypeOf(to))
	}
	if _, err := d.Token(); err != io.EOF {
		return execution.Errorf(execution.Malformed, "there is more than one value in the body")
	}
	return nil
}

// malformed says what encoding/json means of body, and of which field of t.
func malformed(err error, body []byte, t reflect.Type) error {
	if t, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		return wrongField(t.Field, nameOf(t.Type))
	}
	if t, ok := errors.AsType[*json.SyntaxError](err); ok {
		return execution.Errorf(execution.Malformed, "not JSON at byte %d", t.Offset)
	}
	if field, ok := strings.CutPrefix(err.Error(), "json: unknown field "); ok { // it has no type
		name := strings.Trim(field, `"`)
		return wrongField(cmp.Or(fieldPath(name, body, t), name), "is not known")
	}
	return execution.Errorf(execution.Malformed, "the body is empty or breaks off")
}

// fieldPath finds where in body, which has the form of t, there is a field name
// that t does not have. encoding/json says the name only.
func fieldPath(name string, body []byte, t reflect.Type) string {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if t.Kind() == reflect.Slice {
		var items []json.RawMessage
		_ = json.Unmarshal(body, &items)
		for _, item := range items {
			if path := fieldPath(name, item, t.Elem()); path != "" {
				return path
			}
		}
	}
	var fields map[string]json.RawMessage
	if t.Kind() != reflect.Struct || json.Unmarshal(body, &fields) != nil {
		return ""
	}
	_, there := fields[name]
	for field := range t.Fields() {
		own, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		there = there && !strings.EqualFold(own, name)
		if path := fieldPath(name, fields[own], field.Type); path != "" {
			return own + "." + path
		}
	}
	if there {
		return name
	}
	return ""
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
	case reflect.Float32, reflect.Float64:
		return "a number"
	case reflect.Bool:
		return "true or false"
	case reflect.String:
		return "a string"
	case reflect.Slice:
		return "an array"
	default:
		return "an object"
	}
}

// neededReason reads a body that has a reason, and nothing else.
func neededReason(c *gin.Context) (string, error) {
	var b struct {
		Reason string `json:"reason"`
	}
	if err := decode(c, &b, false); err != nil {
		return "", err
	}
	b.Reason = strings.TrimSpace(b.Reason)
	if b.Reason == "" || utf8.RuneCountInString(b.Reason) > maxReason {
		return "", execution.FieldErrors{{Field: "reason", Rule: "1..500 characters"}}
	}
	return b.Reason, nil
}
