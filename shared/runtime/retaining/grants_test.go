package retaining_test

import (
	"strings"
	"testing"

	"github.com/passportcraft/passportcraft/shared/testkit"
)

// needless are the grants that no test can use, with the reason.
var needless = map[string]string{
	"UseKeysAtRest": "DynamoDB and S3 call KMS on our behalf when rows and objects are read and written; the local engines do not",
}

func TestMain(m *testing.M) {
	testkit.MainAllUsed(m, func(role string) bool { return strings.HasPrefix(role, "RunRetention") }, needless)
}
