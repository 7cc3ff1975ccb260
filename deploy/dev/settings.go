package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// A setting is a line of what "codesaga-dev env" prints.
type setting struct{ Key, Value string }

// local are the settings of the parts that are started here.
func local(dirs Dirs) []setting {
	return []setting{
		{"CODESAGA_TEMPORAL_ADDRESS", temporalAddress},
		{"CODESAGA_KAFKA_BROKERS", kafkaAddress},
		{"CODESAGA_SCHEMA_REGISTRY_URL", registryURL},
		{"CODESAGA_MONGO_URI", mongoURI},
		{"KUBECONFIG", dirs.kubeconfig()},
	}
}

// given are the settings that are present in the environment and name something else than what is started here: one
// that equals ours only says that our own "env" was sourced.
func given(dirs Dirs, getenv func(string) string) map[string]string {
	found := map[string]string{}
	for _, s := range local(dirs) {
		if value := getenv(s.Key); value != "" && value != s.Value {
			found[s.Key] = value
		}
	}
	return found
}

// settings are those of all parts; runner is the image of the runner, empty if there is none.
func settings(dirs Dirs, given map[string]string, runner string) []setting {
	var all []setting
	for _, s := range local(dirs) {
		value, ok := given[s.Key]
		if !ok {
			value = s.Value
		}
		all = append(all, setting{s.Key, value})
		if s.Key == "CODESAGA_TEMPORAL_ADDRESS" && !ok {
			all = append(all, setting{"CODESAGA_TEMPORAL_UI_URL", "http://" + temporalUI})
		}
	}
	if given["KUBECONFIG"] == "" {
		if runner != "" {
			all = append(all, setting{"CODESAGA_RUNNER_IMAGE", runner})
		}
		all = append(all, setting{"CODESAGA_LOCAL_IMAGES", "true"})
	}
	return all
}

func formatSettings(all []setting) string {
	var text strings.Builder
	for _, s := range all {
		fmt.Fprintf(&text, "%s=%s\n", s.Key, s.Value)
	}
	return text.String()
}

func parseSettings(text string) []setting {
	var all []setting
	for line := range strings.Lines(text) {
		if key, value, ok := strings.Cut(strings.TrimSpace(line), "="); ok {
			all = append(all, setting{key, value})
		}
	}
	return all
}

func writeSettings(dirs Dirs, all []setting) error {
	return writeFile(filepath.Join(dirs.State, "env"), []byte(formatSettings(all)), 0o600)
}

// setRunner notes the runner's image in the settings of the running stack.
func setRunner(dirs Dirs, image string) error {
	all, err := storedSettings(dirs)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(all, func(s setting) bool { return s.Key == "CODESAGA_RUNNER_IMAGE" })
	if i < 0 {
		all = append(all, setting{"CODESAGA_RUNNER_IMAGE", image})
	} else {
		all[i].Value = image
	}
	return writeSettings(dirs, all)
}

// storedSettings are those of the last "up", or what an "up" now would give.
func storedSettings(dirs Dirs) ([]setting, error) {
	text, err := os.ReadFile(filepath.Join(dirs.State, "env"))
	if errors.Is(err, fs.ErrNotExist) {
		return settings(dirs, given(dirs, os.Getenv), ""), nil
	}
	return parseSettings(string(text)), err
}

func printEnv(_ context.Context, dirs Dirs) error {
	all, err := storedSettings(dirs)
	for _, s := range all {
		fmt.Printf("export %s=%s\n", s.Key, shellQuote(s.Value))
	}
	return err
}

// shellQuote leaves alone what a POSIX shell takes as it is.
func shellQuote(s string) string {
	special := func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("%+,-./:=@_", r))
	}
	if s != "" && !strings.ContainsFunc(s, special) {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

// writeFile replaces a file as a whole, with its folder made first.
func writeFile(path string, content []byte, mode os.FileMode) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	temporary := path + ".new"
	if err := os.WriteFile(temporary, content, mode); err != nil {
		return err
	}
	if err := os.Chmod(temporary, mode); err != nil {
		return err
	}
	return os.Rename(temporary, path)
}
