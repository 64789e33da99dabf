package checks_test

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// quiet are figures of retention that wake nobody, with the reason.
var quiet = map[string]string{
	"MinSlackSecondsWindow": "windows end, and are meant to",
	"WindowsExtended":       "an export that takes long is no fault; the deadlines of the deletion have alarms of their own",
}

// TestEveryFigureWakesSomebody holds figures and alarms against one another: an alarm of a figure that nothing writes can
// never ring, and a figure without an alarm is looked at by nobody.
func TestEveryFigureWakesSomebody(t *testing.T) {
	text, err := os.ReadFile("../../template.yaml")
	if err != nil {
		t.Fatal(err)
	}
	watched := map[string]bool{}
	for _, m := range regexp.MustCompile(`Namespace: PassportCraft\n +MetricName: (\w+)\n`).FindAllStringSubmatch(string(text), -1) {
		watched[m[1]] = true
	}
	var code strings.Builder
	for _, s := range sources(t) {
		if s.test() || !strings.HasPrefix(s.path, "shared/") || strings.HasPrefix(s.path, "shared/testkit") {
			continue
		}
		b, err := os.ReadFile("../../" + s.path)
		if err != nil {
			t.Fatal(err)
		}
		code.Write(b)
	}
	for name := range watched {
		if !strings.Contains(code.String(), `"`+name+`"`) {
			t.Errorf("template.yaml has an alarm of %s, which nothing writes", name)
		}
	}
	b, err := os.ReadFile("../../shared/domain/retention/time.go")
	if err != nil {
		t.Fatal(err)
	}
	_, figures, _ := strings.Cut(string(b), "// The figures.\n")
	figures, _, _ = strings.Cut(figures, "\n)")
	all := regexp.MustCompile(`(?m)^\t\w+ += "(\w+)"`).FindAllStringSubmatch(figures, -1)
	if len(all) < 20 {
		t.Fatalf("only %d figures were found: time.go is not read right", len(all))
	}
	for _, m := range all {
		if !watched[m[1]] && quiet[m[1]] == "" {
			t.Errorf("no alarm of template.yaml looks at %s", m[1])
		}
		if watched[m[1]] && quiet[m[1]] != "" {
			t.Errorf("%s is said to wake nobody and has an alarm", m[1])
		}
	}
}
