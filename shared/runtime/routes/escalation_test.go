package routes_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/passportcraft/passportcraft/shared/domain/access"
	"github.com/passportcraft/passportcraft/shared/runtime/routes"
	"github.com/passportcraft/passportcraft/shared/testkit"
)

// TestNoWayUp looks for a sequence of up to five changes of roles and members by which somebody gets more than somebody
// entitled gave them, or by which no owner is left. Every step is an HTTP request on the real engine.
func TestNoWayUp(t *testing.T) {
	k := testkit.Open(t, testkit.Options{Routes: routes.All, Apart: true})
	serial := 0
	rapid.Check(t, func(rt *rapid.T) {
		serial++
		names := map[string]string{}
		name := func(role string) string { return fmt.Sprintf("p%d-%s", serial, role) }
		tenant, owner := k.Organisation(t, name("owner"), "Organisation")
		for _, role := range []string{"admin", "editor", "auditor"} {
			names[role] = name(role)
			k.Join(t, owner, names[role], role)
		}
		subjects := []string{name("owner"), names["admin"], names["editor"], names["auditor"]}
		roles := people(t, k, owner)
		watcher := name("owner")
		for range rapid.IntRange(1, 5).Draw(rt, "steps") {
			k.Clock.Advance(31 * time.Second)
			actor := rapid.SampledFrom(subjects).Draw(rt, "actor")
			target := rapid.SampledFrom(subjects).Draw(rt, "target")
			role := rapid.SampledFrom(access.Roles()).Draw(rt, "role")
			token := k.SignIn(t, actor)
			before := roles
			var w int
			switch step := rapid.SampledFrom([]string{"change", "remove", "invite", "key"}).Draw(rt, "step"); step {
			case "change", "remove":
				p, ok := before[target]
				if !ok {
					continue
				}
				method, body := http.MethodPatch, fmt.Sprintf(`{"role":%q}`, role)
				if step == "remove" {
					method, body = http.MethodDelete, ""
				}
				w, _ = code(t, k, method, "/v1/members/"+string(p.ID), token, body, "If-Match", fmt.Sprintf(`"%d"`, p.Revision), "X-Tenant-Id", string(tenant))
			case "invite":
				if w, _ = code(t, k, "POST", "/v1/invitations", token, fmt.Sprintf(`{"email":"%s@nordeiche.example","role":%q}`, target, role), "X-Tenant-Id", string(tenant)); w == 201 {
					_, _ = code(t, k, "POST", "/v1/invitations/acceptance", k.SignIn(t, target), `{"token":"`+k.Invitation(t, target)+`"}`)
				}
			case "key":
				w, _ = code(t, k, "POST", "/v1/api-keys", token, `{"name":"k`+fmt.Sprint(w)+`","scopes":["passports:publish"]}`, "X-Tenant-Id", string(tenant))
				if w == 201 && !access.CanIssue(before[actor].Role, []access.Scope{access.ScopePublish}) {
					rt.Fatalf("%s, who is %q, made a key that publishes", actor, before[actor].Role)
				}
			}
			k.Clock.Advance(31 * time.Second)
			if before[watcher].Role != access.Owner {
				for s, p := range before {
					if p.Role == access.Owner {
						watcher = s
					}
				}
			}
			after := stateSeenBy(t, k, subjects, string(tenant))
			judge(rt, actor, before, after)
			roles = after
		}
	})
}

// judge compares two states around one step.
func judge(rt *rapid.T, actor string, before, after map[string]person) {
	owners := 0
	for s, now := range after {
		if now.Role == access.Owner {
			owners++
		}
		was := before[s]
		if now.Role == was.Role {
			continue
		}
		if !access.CanGrant(before[actor].Role, now.Role) || was.Role != "" && !access.CanTouch(before[actor].Role, was.Role) {
			rt.Fatalf("%s, who is %q, made %s, who was %q, %q", actor, before[actor].Role, s, was.Role, now.Role)
		}
		rank := func(r access.Role) int { return slices.Index(access.Roles(), r) }
		if s == actor && was.Role != "" && rank(now.Role) < rank(was.Role) {
			rt.Fatalf("%s raised themselves from %q to %q", actor, was.Role, now.Role)
		}
	}
	for s, was := range before {
		if _, ok := after[s]; !ok && !access.CanTouch(before[actor].Role, was.Role) {
			rt.Fatalf("%s, who is %q, removed %s, who was %q", actor, before[actor].Role, s, was.Role)
		}
	}
	if owners == 0 {
		rt.Fatalf("after a step of %s no owner is left", actor)
	}
}

// stateSeenBy asks whoever may see the members.
func stateSeenBy(t *testing.T, k *testkit.Kit, subjects []string, tenant string) map[string]person {
	t.Helper()
	for _, s := range subjects {
		w := k.Do(t, "GET", "/v1/members", k.SignIn(t, s), "", "X-Tenant-Id", tenant)
		var got struct{ Items []person }
		if w.Code == 200 && json.Unmarshal(w.Body.Bytes(), &got) == nil {
			out := map[string]person{}
			for _, p := range got.Items {
				for _, subject := range subjects {
					if p.Email == subject+"@nordeiche.example" {
						out[subject] = p
					}
				}
			}
			return out
		}
	}
	t.Fatal("nobody can see the members: no owner is left")
	return nil
}
