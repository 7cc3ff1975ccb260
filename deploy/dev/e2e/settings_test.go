package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// settings are all that the suite is told. What is not here it finds out.
type settings struct {
	bin, dev       string // codesaga, codesaga-dev
	temporal       string // the CLI of Temporal
	kafka          string // brokers, with commas between
	mongo          string
	kubeconfig     string
	passed         []string // NAME=VALUE that the product gets as they are
	missing, wrong []string
}

// readSettings reads the environment and reports all that is wrong with it at
// once: a suite that skips what it cannot reach proves nothing.
func readSettings() (settings, error) {
	var s settings
	s.bin = s.program("CODESAGA_BIN")
	s.dev = s.program("CODESAGA_DEV_BIN")
	s.temporal = s.temporalCLI()
	s.kafka = s.pass("CODESAGA_KAFKA_BROKERS")
	s.mongo = s.pass("CODESAGA_MONGO_URI")
	s.kubeconfig = s.pass("KUBECONFIG")
	for _, name := range []string{"CODESAGA_TEMPORAL_ADDRESS", "CODESAGA_SCHEMA_REGISTRY_URL", "CODESAGA_RUNNER_IMAGE", "CODESAGA_LOCAL_IMAGES"} {
		s.pass(name)
	}
	if len(s.missing) > 0 {
		s.wrong = append(s.wrong, "missing in the environment: "+strings.Join(s.missing, ", "))
	}
	if len(s.wrong) > 0 {
		return s, fmt.Errorf("%s\nrun the suite by `make e2e`, or see its README.md", strings.Join(s.wrong, "\n"))
	}
	return s, nil
}

func (s *settings) need(name string) string {
	value := os.Getenv(name)
	if value == "" {
		s.missing = append(s.missing, name)
	}
	return value
}

func (s *settings) pass(name string) string {
	value := s.need(name)
	s.passed = append(s.passed, name+"="+value)
	return value
}

func (s *settings) program(name string) string {
	path := s.need(name)
	if path == "" {
		return ""
	}
	if info, err := os.Stat(path); err != nil {
		s.wrong = append(s.wrong, fmt.Sprintf("%s: %v", name, err))
	} else if info.IsDir() || info.Mode()&0o111 == 0 {
		s.wrong = append(s.wrong, fmt.Sprintf("%s: %s is no program", name, path))
	}
	return path
}

// temporalCLI is CODESAGA_TEMPORAL_CLI, else the one in the PATH, else the one
// that the development stack was built with.
func (s *settings) temporalCLI() string {
	if os.Getenv("CODESAGA_TEMPORAL_CLI") == "" {
		if path, err := exec.LookPath("temporal"); err == nil {
			return path
		}
		cache, err := os.UserCacheDir()
		if built, _ := filepath.Glob(filepath.Join(cache, "codesaga", "temporal-*", "temporal")); err == nil && len(built) > 0 {
			return built[len(built)-1]
		}
	}
	return s.program("CODESAGA_TEMPORAL_CLI")
}
