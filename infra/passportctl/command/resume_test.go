package command_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/passportcraft/passportcraft/infra/passportctl/command"
	"github.com/passportcraft/passportcraft/shared/adapters/dynamo"
	"github.com/passportcraft/passportcraft/shared/domain/lifecycle"
	"github.com/passportcraft/passportcraft/shared/runtime/auditing"
	"github.com/passportcraft/passportcraft/shared/runtime/retaining"
	"github.com/passportcraft/passportcraft/shared/runtime/routes"
	"github.com/passportcraft/passportcraft/shared/testkit"
)

// TestResume holds that after an outage of days nothing goes on without an operator's word, that a word which nobody
// signed, which was changed, or which is for another mark is none, and that a good one counts for one silence.
func TestResume(t *testing.T) {
	k := testkit.Open(t, testkit.Options{Routes: routes.All})
	file := filepath.Join(t.TempDir(), "operator.json")
	b, err := json.Marshal(k.Env)
	if err != nil {
		t.Fatal(err)
	}
	write(t, file, string(b))
	tenant, owner := k.Organisation(t, "anna", "Nordeiche")
	if got := k.Do(t, "POST", "/v1/tenant/termination", owner, `{"confirmation":"Nordeiche"}`); got.Code != 200 {
		t.Fatal(got.Body)
	}
	resume := func(upTo time.Time, by string) (int, string) {
		var said bytes.Buffer
		args := []string{"drill", "resume", "-environment", file, "-up-to", upTo.Format(time.RFC3339), "-by", by}
		code := command.Run(t.Context(), args, command.World{Out: &said, Err: &said, Getenv: os.Getenv, Now: k.Clock.Now})
		return code, said.String()
	}
	tick := func() error {
		job := retaining.Jobs(k.App.App)[0]
		return job.Run(k.AsFunction(job.Function), k.Clock.Now())
	}
	halted := func(why string) {
		t.Helper()
		if err := tick(); !errors.Is(err, lifecycle.ErrClock) {
			t.Errorf("%s: the tick goes on: %v", why, err)
		}
	}
	if err := tick(); err != nil {
		t.Fatal(err)
	}
	high := k.Clock.Now()
	if code, said := resume(high.Add(time.Hour), "eva"); code != command.Bad || !strings.Contains(said, "nothing stands still") {
		t.Errorf("%d %s", code, said)
	}
	k.Clock.Advance(6 * lifecycle.Day)
	halted("without a word")
	for by, upTo := range map[string]time.Time{"eva\nand others": k.Clock.Now().Add(time.Hour), "eva": k.Clock.Now().Add(-time.Hour), "otto": k.Clock.Now().Add(25 * time.Hour)} {
		if code, said := resume(upTo, by); code != command.Bad {
			t.Errorf("%q up to %s: %d %s", by, upTo, code, said)
		}
	}
	halted("after words that were refused")

	guards := dynamo.NewGuards(k.App.Database().Unguarded(), nil)
	say := func(edit func(*lifecycle.Resume), sign bool, forge func([]byte) []byte) {
		t.Helper()
		word := lifecycle.Resume{Above: high, UpTo: k.Clock.Now().Add(time.Hour), SignedBy: "operator:eva", At: k.Clock.Now(), Entry: fmt.Sprint("entry-", entries(t, k))}
		edit(&word)
		text, err := word.Text()
		if err != nil {
			t.Fatal(err)
		}
		signature := []byte("none")
		if sign {
			if signature, err = auditing.Signer(k.App.App).Sign(t.Context(), text); err != nil {
				t.Fatal(err)
			}
		}
		if err := guards.Say(t.Context(), word.Entry, forge(text), signature); err != nil {
			t.Fatal(err)
		}
	}
	same, as := func(b []byte) []byte { return b }, func(*lifecycle.Resume) {}
	say(as, false, same)
	halted("unsigned")
	say(as, true, func(b []byte) []byte { return bytes.Replace(b, []byte("operator:eva"), []byte("operator:bob"), 1) })
	halted("altered")
	say(func(w *lifecycle.Resume) { w.Above = high.Add(-time.Second) }, true, same)
	halted("for another mark")
	say(func(w *lifecycle.Resume) { w.UpTo = k.Clock.Now().Add(-time.Second) }, true, same)
	halted("for earlier readings")

	code, said := resume(k.Clock.Now().Add(time.Hour), "eva")
	if code != command.Good || !strings.Contains(said, "1 organisations") {
		t.Fatal(code, said)
	}
	if err := tick(); err != nil {
		t.Fatal("with a good word:", err)
	}
	if got, _, err := guards.Mark(t.Context()); err != nil || !got.Equal(k.Clock.Now()) {
		t.Error(got, err)
	}
	if trail := k.Do(t, "GET", "/v1/audit?from="+k.Clock.Now().Format(time.RFC3339), k.SignIn(t, "anna"), "").Body.String(); !strings.Contains(trail, "retention.resumed") || !strings.Contains(trail, "operator:eva") {
		t.Errorf("%s: it is not in the trail: %s", tenant, trail)
	}
	k.Clock.Advance(6 * lifecycle.Day)
	halted("with the word of the last outage")
	if n := entries(t, k); n != 5 {
		t.Errorf("%d words are in the ledger", n)
	}
}

// entries is how many words the ledger remembers.
func entries(t *testing.T, k *testkit.Kit) (n int) {
	for _, row := range k.Dump(t) {
		if strings.HasPrefix(row, "LEDGER_TABLE") && strings.Contains(row, "SK=WORD#") {
			n++
		}
	}
	return n
}
