package web

import (
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/codesaga/codesaga/execution"
	"github.com/codesaga/codesaga/web/ui"
)

// About is what the page needs to know of this installation.
type About struct {
	Version           string `json:"version"`
	TemporalUIURL     string `json:"temporal_ui_url"` // empty if there is none
	TemporalNamespace string `json:"temporal_namespace"`
}

// cached is for answers that are public and change rarely.
const cached = "public, max-age=300"

// language is an entry of the registry as clients get it.
type language struct {
	ID             string   `json:"id"`
	Name           string   `json:"name"`
	Aliases        []string `json:"aliases"`
	Versions       []string `json:"versions"` // that are enabled
	DefaultVersion string   `json:"default_version"`
	FileExtension  string   `json:"file_extension"`
	Example        string   `json:"example"`
}

func (s *Server) languages(c *gin.Context) error {
	items := []language{}
	for _, l := range s.Languages {
		item := language{ID: l.ID, Name: l.Name, Aliases: append([]string{}, l.Aliases...), DefaultVersion: l.DefaultVersion, FileExtension: l.FileExtension, Example: l.Example}
		for _, v := range l.Versions {
			if !v.Disabled {
				item.Versions = append(item.Versions, v.Version)
			}
		}
		if len(item.Versions) > 0 {
			items = append(items, item)
		}
	}
	c.Header("Cache-Control", cached)
	c.JSON(http.StatusOK, gin.H{"items": items})
	return nil
}

func (s *Server) about(c *gin.Context) error {
	c.Header("Cache-Control", cached)
	c.JSON(http.StatusOK, s.About)
	return nil
}

//go:embed openapi.yaml
var document []byte

func openapi(c *gin.Context) error {
	c.Header("Cache-Control", cached)
	c.Data(http.StatusOK, "application/yaml", document)
	return nil
}

func (s *Server) asyncapi(c *gin.Context) error {
	c.Header("Cache-Control", cached)
	c.Data(http.StatusOK, "application/json", s.AsyncAPI)
	return nil
}

// page answers where no route is: with a file of the page, or not at all.
func (s *Server) page(c *gin.Context) error {
	name := strings.TrimPrefix(c.Request.URL.Path, "/")
	if name == "" {
		name = "index.html"
	}
	content, err := fs.ReadFile(ui.Files, name)
	if s.Executions == nil || err != nil || c.Request.Method != http.MethodGet && c.Request.Method != http.MethodHead {
		return execution.Errorf(execution.NotFound, "no route %s %s", c.Request.Method, c.Request.URL.Path)
	}
	sum := sha256.Sum256(content)
	tag := `"` + hex.EncodeToString(sum[:8]) + `"`
	c.Header("ETag", tag)
	c.Header("Cache-Control", "no-cache") // but asked for again with the tag
	if c.GetHeader("If-None-Match") == tag {
		c.Status(http.StatusNotModified)
		return nil
	}
	c.Data(http.StatusOK, mime.TypeByExtension(path.Ext(name)), content)
	return nil
}
