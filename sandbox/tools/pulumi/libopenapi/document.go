// Package libopenapi stands in the place of the module of that name, which takes a sixth of the time that Pulumi takes to
// compile. Nothing but `pulumi api` needs it, which calls Pulumi Cloud: there it is an error. The types are those that this
// command's code names.
package libopenapi

import (
	"errors"

	v3 "github.com/pb33f/libopenapi/datamodel/high/v3"
)

// Document is never made.
type Document struct{}

// DocumentModel is never made.
type DocumentModel struct{ Model v3.Document }

// NewDocument answers an error.
func NewDocument([]byte) (*Document, error) {
	return nil, errors.New("this pulumi is built for the sandbox, without a reader of OpenAPI: use the official one")
}

// BuildV3Model is never called.
func (*Document) BuildV3Model() (*DocumentModel, error) { return nil, nil }
