package execution

import (
	"go/ast"
	"go/parser"
	"go/token"
	"testing"
)

// Each constant of EventType is in the list, and nothing twice.
func TestEachTypeOfEventsIsListed(t *testing.T) {
	file, err := parser.ParseFile(token.NewFileSet(), "event.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	declared := 0
	ast.Inspect(file, func(n ast.Node) bool {
		if v, ok := n.(*ast.ValueSpec); ok && v.Type != nil {
			if name, ok := v.Type.(*ast.Ident); ok && name.Name == "EventType" {
				declared += len(v.Names)
			}
		}
		return true
	})
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
