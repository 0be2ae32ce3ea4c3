// Package base has the schemas of an OpenAPI document.
package base

import (
	"github.com/pb33f/libopenapi/orderedmap"
	"go.yaml.in/yaml/v4"
)

// Info is what a document says of itself.
type Info struct{ Version string }

// Schema is one type.
type Schema struct {
	Type, Required                            []string
	Description, Format, Pattern              string
	Nullable, ReadOnly, WriteOnly, Deprecated *bool
	MinLength, MaxLength                      *int64
	Minimum, Maximum, MultipleOf              *float64
	Default                                   *yaml.Node
	Enum                                      []*yaml.Node
	Items, AdditionalProperties               *DynamicValue[*SchemaProxy, bool]
	OneOf, AnyOf, AllOf                       []*SchemaProxy
	Discriminator                             *Discriminator
	Properties                                *orderedmap.Map[string, *SchemaProxy]
	Extensions                                *orderedmap.Map[string, *yaml.Node]
}

// GoLow has no lower form.
func (*Schema) GoLow() *Low { return nil }

// MarshalJSONInline writes nothing.
func (*Schema) MarshalJSONInline() ([]byte, error) { return nil, nil }

// Low is never made.
type Low struct{}

// Hash is always the same.
func (*Low) Hash() uint64 { return 0 }

// SchemaProxy refers to a schema.
type SchemaProxy struct{}

// Schema is none.
func (*SchemaProxy) Schema() *Schema { return nil }

// Discriminator says by which property the kinds of a type are told apart.
type Discriminator struct {
	PropertyName string
	Mapping      *orderedmap.Map[string, string]
}

// DynamicValue is one of two.
type DynamicValue[A, B any] struct {
	A A
	B B
}

// IsA is never so.
func (*DynamicValue[A, B]) IsA() bool { return false }
