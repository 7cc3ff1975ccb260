package main

import (
	"maps"
	"slices"
	"testing"
)

func TestGivenIsWhatIsPresentAndNotOurs(t *testing.T) {
	dirs := dirsAt("/state", "/cache", "")
	environment := map[string]string{
		"CODESAGA_KAFKA_BROKERS":    "kafka:9092",
		"CODESAGA_TEMPORAL_ADDRESS": temporalAddress,     // our own "env" was sourced
		"KUBECONFIG":                "/state/kubeconfig", // likewise
		"CODESAGA_MONGO_URI":        "",
	}
	got := given(dirs, func(key string) string { return environment[key] })
	if want := map[string]string{"CODESAGA_KAFKA_BROKERS": "kafka:9092"}; !maps.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}

func TestGivenPartsAreNotStarted(t *testing.T) {
	dirs := dirsAt("/state", "/cache", "")
	for key, want := range map[string][]string{
		"":           partNames,
		"KUBECONFIG": {"temporal", "kafka", "registry", "mongo"},
		"CODESAGA_KAFKA_BROKERS": {
			"temporal", "registry", "mongo", "etcd", "containerd", "apiserver", "kubelet", "scheduler", "kcm",
		},
	} {
		var names []string
		for _, p := range parts(dirs, folders{}, map[string]string{key: "theirs"}) {
			names = append(names, p.Name)
		}
		if !slices.Equal(names, want) {
			t.Errorf("%s given: %v, want %v", key, names, want)
		}
	}
}

func TestSettingsOfAGivenClusterSayNothingOfLocalImages(t *testing.T) {
	all := settings(dirsAt("/state", "/cache", ""), map[string]string{"KUBECONFIG": "/theirs", "CODESAGA_TEMPORAL_ADDRESS": "t:7233"}, "")
	var keys []string
	for _, s := range all {
		keys = append(keys, s.Key)
	}
	want := []string{"CODESAGA_TEMPORAL_ADDRESS", "CODESAGA_KAFKA_BROKERS", "CODESAGA_SCHEMA_REGISTRY_URL", "CODESAGA_MONGO_URI", "KUBECONFIG"}
	if !slices.Equal(keys, want) {
		t.Errorf("%v, want %v", keys, want)
	}
}

func TestSettingsSurviveTheFile(t *testing.T) {
	all := settings(dirsAt("/state", "/cache", ""), nil, "codesaga.local/runner:1")
	if got := parseSettings(formatSettings(all)); !slices.Equal(got, all) {
		t.Errorf("%v, want %v", got, all)
	}
}

func TestRunnerIsNotedInTheSettings(t *testing.T) {
	dirs := dirsAt(t.TempDir(), "/cache", "")
	if err := writeSettings(dirs, settings(dirs, nil, "")); err != nil {
		t.Fatal(err)
	}
	for _, image := range []string{"codesaga.local/runner:1", "codesaga.local/runner:2"} {
		if err := setRunner(dirs, image); err != nil {
			t.Fatal(err)
		}
		all, err := storedSettings(dirs)
		if err != nil || !slices.Contains(all, setting{"CODESAGA_RUNNER_IMAGE", image}) {
			t.Errorf("%v, %v", all, err)
		}
	}
}

func TestShellQuote(t *testing.T) {
	for in, want := range map[string]string{
		"127.0.0.1:7233": "127.0.0.1:7233", "": "''", "a b": "'a b'", "it's": `'it'\''s'`,
		"mongodb://h/?directConnection=true": "'mongodb://h/?directConnection=true'", "$(x)": "'$(x)'",
	} {
		if got := shellQuote(in); got != want {
			t.Errorf("%q: %s, want %s", in, got, want)
		}
	}
}
