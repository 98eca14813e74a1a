// Package graph is the GraphQL API.
package graph

// Resolver resolves the schema.
type Resolver struct{}
