//go:build tools

// Programs of others that the tests build at the versions of go.mod.
package clients

import _ "github.com/summerwind/h2spec/cmd/h2spec"
