//go:build tools

package main

import _ "github.com/openshift/source-to-image/cmd/s2i"
