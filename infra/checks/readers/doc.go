// Package readers holds what the platform writes against programs and libraries that know nothing of it.
package readers
