package store

import (
	"maps"
	"reflect"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/codesaga/codesaga/execution"
)

// overrides is what of own differs from the default: a default that changes
// later reaches each pool in what nobody has set for it.
func overrides(own, standard execution.PoolPolicy) (bson.M, error) {
	mine, err := fieldsOf(own)
	if err != nil {
		return nil, err
	}
	theirs, err := fieldsOf(standard)
	if err != nil {
		return nil, err
	}
	for name := range theirs {
		if _, there := mine[name]; !there {
			mine[name] = nil // an empty list is left out
		}
	}
	maps.DeleteFunc(mine, func(name string, value any) bool {
		standard, there := theirs[name]
		return there && reflect.DeepEqual(value, standard)
	})
	return mine, nil
}

// overridden is the standard with own over it.
func overridden(standard execution.PoolPolicy, own bson.M) (p execution.PoolPolicy, err error) {
	if len(own) == 0 {
		return standard, nil
	}
	fields, err := fieldsOf(standard)
	if err != nil {
		return p, err
	}
	maps.Copy(fields, own)
	raw, err := bson.Marshal(fields)
	if err != nil {
		return p, err
	}
	return p, bson.Unmarshal(raw, &p)
}

func fieldsOf(p execution.PoolPolicy) (fields bson.M, err error) {
	raw, err := bson.Marshal(p)
	if err != nil {
		return nil, err
	}
	return fields, bson.Unmarshal(raw, &fields)
}
