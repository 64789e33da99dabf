package routes_test

import (
	"context"
	"errors"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/passportcraft/passportcraft/infra/local/samples"
	"github.com/passportcraft/passportcraft/shared/domain/access"
	"github.com/passportcraft/passportcraft/shared/domain/audience"
	"github.com/passportcraft/passportcraft/shared/domain/custody"
	"github.com/passportcraft/passportcraft/shared/domain/identifier"
	"github.com/passportcraft/passportcraft/shared/domain/lifecycle"
	"github.com/passportcraft/passportcraft/shared/foundation/id"
	"github.com/passportcraft/passportcraft/shared/runtime/backing"
	"github.com/passportcraft/passportcraft/shared/runtime/keeping"
	"github.com/passportcraft/passportcraft/shared/runtime/routes"
	"github.com/passportcraft/passportcraft/shared/testkit"
)

// batteries publishes the sample battery as model, batch and item and returns their identifiers.
func batteries(t *testing.T, k *testkit.Kit, key string) []string {
	t.Helper()
	var all []string
	for _, name := range samples.Names()[:3] {
		body, err := samples.Read(name)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, k.Publish(t, key, k.Create(t, key, string(body))))
	}
	return all
}

func decided(p string, kind lifecycle.DispositionKind, until time.Time) lifecycle.Disposition {
	return lifecycle.Disposition{
		Passport: id.Passport(p), Kind: kind, Until: until, Basis: lifecycle.Basis{Act: "Regulation (EU) 2023/1542", Article: "77(8)"},
		Keeps: audience.All(), Why: "The product was recycled, and its passport ceased to exist with it.",
	}
}

// TestWhatIsLeft carries out each decision about a published passport and looks at what the public sees: a copy in
// custody, the way to a successor, that the passport ceased, or nothing.
func TestWhatIsLeft(t *testing.T) {
	k := testkit.Open(t, testkit.Options{Routes: routes.All})
	tenant, key := k.Tenant(t, "Nordeiche")
	all := batteries(t, k, key)
	chair := k.Publish(t, key, k.Create(t, key, complete))
	draft := k.Create(t, key, strings.ReplaceAll(strings.ReplaceAll(complete, "A%2FB", "DRAFT"), "A/B", "DRAFT"))
	path := func(p string) string {
		got := answer(t, k.Do(t, "GET", "/v1/passports/"+p, key, ""), 200)
		u, err := url.Parse(got["productIdentifier"].(string))
		if err != nil {
			t.Fatal(err)
		}
		return u.EscapedPath()
	}
	at := []string{path(all[0]), path(all[1]), path(all[2]), path(chair)}
	before := answer(t, k.Do(t, "GET", at[2], "", "", "Accept", "application/json"), 200)
	until := k.Clock.Now().Add(20 * 365 * 24 * time.Hour).Truncate(time.Second)
	k.Clock.Advance(40 * 24 * time.Hour)
	keeper, ctx := keeping.Keeper(k.App.App, k.App.Dump().Records), access.As(context.Background(), tenant)
	moved := decided(all[1], lifecycle.HandedOver, until)
	moved.SuccessorURL = "https://successor.example/passports/1"
	for _, d := range []lifecycle.Disposition{
		decided(all[0], lifecycle.Ceased, time.Time{}), moved, decided(all[2], lifecycle.Custody, until), decided(chair, lifecycle.Deleted, time.Time{}), decided(draft, lifecycle.Deleted, time.Time{}),
	} {
		for range 2 { // again changes nothing
			if err := keeper.Keep(ctx, tenant, d); err != nil {
				t.Fatal(err)
			}
		}
	}
	if got := answer(t, k.Do(t, "GET", at[0], "", "", "Accept", "application/json"), 410); got["code"] != "passport-ceased" || !strings.Contains(got["detail"].(string), "recycled") {
		t.Errorf("ceased: %v", got)
	}
	if w := k.Do(t, "GET", at[1], "", "", "Accept", "text/html"); w.Code != 307 || w.Header().Get("Location") != moved.SuccessorURL {
		t.Errorf("moved: %d %s", w.Code, w.Header().Get("Location"))
	}
	if w := k.Do(t, "GET", at[3], "", "", "Accept", "application/json"); w.Code != 404 {
		t.Errorf("deleted: %d", w.Code)
	}
	kept := answer(t, k.Do(t, "GET", at[2], "", "", "Accept", "application/json"), 200)
	said, _ := kept["custody"].(map[string]any)
	if kept["status"] != "in-custody" || said["until"] != until.Format(time.RFC3339) || said["basis"] != "Regulation (EU) 2023/1542, 77(8)" {
		t.Errorf("custody: %v %v", kept["status"], said)
	}
	if kept["publicHash"] != before["publicHash"] {
		t.Error("what is kept is not what was published")
	}
	page := k.Do(t, "GET", at[2], "", "", "Accept", "text/html")
	published, err := time.Parse(time.RFC3339Nano, before["publishedAt"].(string))
	if err != nil || page.Code != 200 || !strings.Contains(page.Body.String(), "The company that answered for this passport has left") || !strings.Contains(page.Body.String(), published.Format("2 January 2006")) {
		t.Errorf("page: %d", page.Code)
	}
	if w := k.Do(t, "GET", "/q/"+all[2]+".svg", "", ""); w.Code != 200 {
		t.Errorf("carrier: %d", w.Code)
	}
	for _, row := range k.Dump(t) {
		own := strings.HasPrefix(row, "CUSTODY_TABLE") || strings.HasPrefix(row, "PUBLIC_TABLE") && !strings.Contains(row, "hidden")
		if own && strings.Contains(row, string(tenant)) && !strings.Contains(row, chair) {
			t.Errorf("what is left names the tenant: %.200s", row)
		}
	}
	copyIsRight(t, k, at[2], until)
}

// copyIsRight looks at the copy itself, at what ends it, and that it ends whole.
func copyIsRight(t *testing.T, k *testkit.Kit, path string, until time.Time) {
	t.Helper()
	ctx, copies := context.Background(), keeping.Copies(k.App.App)
	product, err := identifier.FromPath(path)
	if err != nil {
		t.Fatal(err)
	}
	c, err := copies.Copy(ctx, product)
	if err != nil {
		t.Fatal(err)
	}
	g, err := k.App.ProductGroups().Find(c.ProductGroup)
	if err != nil {
		t.Fatal(err)
	}
	if len(c.Restricted[audience.Authority]) == 0 || len(c.Restricted[audience.LegitimateInterest]) == 0 {
		t.Error("nothing is kept for authorities or persons with a legitimate interest")
	}
	if excess := custody.Excess(c, g, audience.All()); len(excess) > 0 {
		t.Errorf("too much is kept: %v", excess)
	}
	spoilt := c
	spoilt.Restricted = map[audience.Audience]map[string]any{audience.Authority: {"internalNote": "x"}}
	if excess := custody.Excess(spoilt, g, audience.All()); !slices.Contains(excess, "authority: /internalNote") {
		t.Errorf("an internal note is not noticed: %v", excess)
	}
	ender := keeping.Ender(k.App.App, backing.Clocks(k.App.App))
	if err := ender.Run(ctx, until.AddDate(30, 0, 0)); !errors.Is(err, lifecycle.ErrClock) {
		t.Errorf("one clock is decades ahead: %v", err)
	}
	k.Clock.Advance(until.Add(lifecycle.Reserve - time.Second).Sub(k.Clock.Now()))
	if err := ender.Run(ctx, k.Clock.Now()); err != nil {
		t.Fatal(err)
	}
	if w := k.Do(t, "GET", path, "", "", "Accept", "application/json"); w.Code != 200 {
		t.Errorf("custody ended before its date: %d", w.Code)
	}
	k.Clock.Advance(2 * time.Second)
	for range 2 {
		if err := ender.Run(ctx, k.Clock.Now()); err != nil {
			t.Fatal(err)
		}
	}
	if got := answer(t, k.Do(t, "GET", path, "", "", "Accept", "application/json"), 410); got["code"] != "passport-ceased" {
		t.Errorf("after custody: %v", got)
	}
	for _, row := range k.Dump(t) {
		if strings.HasPrefix(row, "CUSTODY_TABLE") && (strings.Contains(row, " doc=") || strings.Contains(row, " more=")) || strings.HasPrefix(row, "KEYS_TABLE") && strings.Contains(row, string(c.ID)) {
			t.Errorf("left of custody: %.200s", row)
		}
	}
}
