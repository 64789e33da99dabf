package retaining_test

import (
	"flag"
	"fmt"
	"strings"
	"testing"

	"github.com/passportcraft/passportcraft/infra/local/iam"
	"github.com/passportcraft/passportcraft/shared/testkit"
)

// needless are the grants that no test can use, with the reason.
var needless = map[string]string{
	"UseKeysAtRest": "DynamoDB and S3 call KMS on our behalf when rows and objects are read and written; the local engines do not",
}

func TestMain(m *testing.M) { testkit.MainThen(m, allUsed) }

// allUsed fails when the template grants a function of retention something that no test of this package has used. It
// looks only when all tests ran.
func allUsed(used map[iam.Grant]bool) error {
	for _, f := range []string{"test.run", "test.skip", "test.bench"} {
		if flag.Lookup(f).Value.String() != "" {
			return nil
		}
	}
	granted, err := testkit.Granted()
	if err != nil {
		return err
	}
	var idle []string
	for _, g := range granted {
		if strings.HasPrefix(g.Role, "RunRetention") && !used[g] && needless[g.Sid] == "" && needless[g.Sid+" "+g.Action] == "" {
			idle = append(idle, fmt.Sprintf("%s: %s allows %s", g.Role, g.Sid, g.Action))
		}
	}
	if len(idle) > 0 {
		return fmt.Errorf("template.yaml grants what no test of shared/runtime/retaining uses:\n%s", strings.Join(idle, "\n"))
	}
	return nil
}
