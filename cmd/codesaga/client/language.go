package client

import (
	"context"
	"path/filepath"
	"slices"
	"strings"
)

// language is one that scripts can be in.
type language struct {
	ID            string   `json:"id"`
	Name          string   `json:"name"`
	Aliases       []string `json:"aliases"`
	Versions      []string `json:"versions"`
	FileExtension string   `json:"file_extension"` // with the dot
}

// languageOf asks the server for its languages and finds that of a file.
func (c *call) languageOf(ctx context.Context, name string, waiting func(error)) (string, error) {
	var page struct {
		Items []language `json:"items"`
	}
	err := retry(ctx, nil, waiting, func() error { return c.api.get(ctx, "/languages", &page) })
	if err != nil {
		return "", err
	}
	id, ok := bySuffix(page.Items, name)
	if !ok {
		var known []string
		for _, l := range page.Items {
			known = append(known, l.FileExtension)
		}
		return "", usagef("the suffix of %s is none of %s; say --language", name, strings.Join(known, ", "))
	}
	return id, nil
}

// bySuffix finds the language of a file: the one with that file extension, else
// the one whose alias or ID the suffix is.
func bySuffix(languages []language, name string) (id string, ok bool) {
	suffix := strings.ToLower(filepath.Ext(name))
	if len(suffix) < 2 {
		return "", false
	}
	i := slices.IndexFunc(languages, func(l language) bool { return strings.EqualFold(l.FileExtension, suffix) })
	if i < 0 {
		i = slices.IndexFunc(languages, func(l language) bool {
			return l.ID == suffix[1:] || slices.Contains(l.Aliases, suffix[1:])
		})
	}
	if i < 0 {
		return "", false
	}
	return languages[i].ID, true
}
