package execution

import (
	"go/ast"
	"go/parser"
	"go/token"
	"testing"
)

// constants counts those of a type that a file declares.
func constants(t *testing.T, name, of string) (n int) {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	ast.Inspect(file, func(node ast.Node) bool {
		if v, ok := node.(*ast.ValueSpec); ok && v.Type != nil {
			if name, ok := v.Type.(*ast.Ident); ok && name.Name == of {
				n += len(v.Names)
			}
		}
		return true
	})
	return n
}

// EV-11: each type of events of the platform is in the list, and told.
func TestEachTypeOfEventsOfThePlatformIsListed(t *testing.T) {
	told := map[PlatformType]bool{}
	for _, of := range letterEvents {
		told[of] = true
	}
	for _, k := range PlatformKinds {
		if !told[k.Type] || k.Producer == "" {
			t.Errorf("%+v", k)
		}
		delete(told, k.Type)
	}
	if n := constants(t, "platform.go", "PlatformType"); len(told) > 0 || n != len(PlatformKinds) {
		t.Errorf("%d types are declared, %d listed, not listed %v", n, len(PlatformKinds), told)
	}
}

// Each constant of EventType is in the list, and nothing twice.
func TestEachTypeOfEventsIsListed(t *testing.T) {
	declared := constants(t, "event.go", "EventType")
	seen, ends := map[EventType]bool{}, 0
	for _, k := range EventKinds {
		if seen[k.Type] || k.Producer == "" {
			t.Errorf("%+v", k)
		}
		seen[k.Type] = true
		if k.Ending {
			ends++
		}
	}
	if len(seen) != declared || declared == 0 || ends != len(endings) {
		t.Errorf("%d types are declared, %d listed, %d of them endings", declared, len(seen), ends)
	}
}
