// Package v3 has the paths of an OpenAPI document.
package v3

import (
	"github.com/pb33f/libopenapi/datamodel/high/base"
	"github.com/pb33f/libopenapi/orderedmap"
	"go.yaml.in/yaml/v4"
)

// Document is never read.
type Document struct {
	Info       *base.Info
	Paths      *Paths
	Components *Components
}

// Components are what paths refer to.
type Components struct {
	Schemas *orderedmap.Map[string, *base.SchemaProxy]
}

// Paths are what can be called.
type Paths struct {
	PathItems *orderedmap.Map[string, *PathItem]
}

// PathItem is what one path answers to.
type PathItem struct{ Get, Post, Put, Delete, Patch, Head *Operation }

// Operation is one call.
type Operation struct {
	OperationId, Summary, Description string
	Tags                              []string
	Deprecated                        *bool
	Parameters                        []*Parameter
	RequestBody                       *RequestBody
	Responses                         *Responses
	Extensions                        *orderedmap.Map[string, *yaml.Node]
}

// Parameter is an argument of a call.
type Parameter struct {
	Name, In, Description string
	Required              *bool
	Schema                *base.SchemaProxy
}

// RequestBody is what a call sends.
type RequestBody struct {
	Content *orderedmap.Map[string, *MediaType]
}

// Responses are what a call answers.
type Responses struct {
	Codes   *orderedmap.Map[string, *Response]
	Default *Response
}

// Response is one answer.
type Response struct {
	Description string
	Content     *orderedmap.Map[string, *MediaType]
}

// MediaType is a form of a body.
type MediaType struct{ Schema *base.SchemaProxy }
