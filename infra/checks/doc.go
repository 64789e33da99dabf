// Package checks holds what makes forgetting impossible: tests over the route table, the template, the functions, the
// API description, the import rules and the budgets. Nothing here is linked into the product.
package checks
