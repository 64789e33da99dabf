// Package frame is what all pages of the platform have in common: how their heads begin, their colours, and the rules of
// their style sheets. It knows nothing of what a page says.
package frame

//go:generate go tool -modfile=../../../infra/tools/go.mod templ generate -path .
