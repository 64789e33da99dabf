// Command show-workspace shows the pages of people who have signed in or are invited.
package main

import (
	"github.com/passportcraft/passportcraft/shared/api/browser"
	"github.com/passportcraft/passportcraft/shared/runtime/lambdahost"
	"github.com/passportcraft/passportcraft/shared/runtime/wire"
)

func main() {
	lambdahost.ServeHTTP(wire.Open().Public(), browser.Pages()...)
}
