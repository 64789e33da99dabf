// Package incident notices what is unusual in an organisation's audit trail: a small set of named, published rules, each
// a detector over the entries in their order.
//
// The rules see what the trail holds and nothing else: events, actors, counts, roles and keyed digests of networks. They
// keep a State of bounded size for each organisation between runs. They decide nothing: a Finding is written down, shown
// to the owners and alarms the operator; nobody is locked out by it.
//
// The package does not read the trail, does not store states and sends nothing.
package incident

import (
	"fmt"
	"time"

	"github.com/passportcraft/passportcraft/shared/domain/audit"
)

// Everybody is the actor of a finding that is about an organisation as a whole.
const Everybody = "tenant"

// The names of the rules. They are stable: notices and alarms refer to them.
const (
	DenialBurst      = "denial-burst"
	CrossTenantProbe = "cross-tenant-probe"
	ExportVolume     = "export-volume"
	KeyNewNetwork    = "key-new-network"
	RoleChain        = "role-chain"
	SignInFailures   = "sign-in-failures"
)

// The thresholds, as published.
const (
	denialsOfOne   = 20
	denialsOfAll   = 100
	exportsOfADay  = 5
	exportsAtLeast = 3
	exportsTimes   = 10
	usualDays      = 14
	failures       = 10

	denialWindow  = 5 * time.Minute
	probeWindow   = time.Hour
	exportWindow  = 24 * time.Hour
	networkMemory = 90 * 24 * time.Hour
	firstDay      = 24 * time.Hour
	networkWindow = 24 * time.Hour
	roleWindow    = 10 * time.Minute
	failureWindow = 10 * time.Minute
)

// Rule is one published rule.
type Rule struct {
	Name      string
	Title     string        // of the notice
	Means     string        // what it may mean, for the people in charge
	Threshold string        // when it fires, exactly
	Window    time.Duration // a finding about one actor is not repeated within it
}

// Rules are all rules, in reading order. They are published at /trust.
func Rules() []Rule {
	return []Rule{
		{
			DenialBurst, "Many refusals in a short time",
			"Somebody, or a program with one of your keys, tries what it may not do. It may be a misconfigured program, or somebody feeling for weak spots.",
			fmt.Sprintf("%d refusals of one actor, or %d of the whole organisation, within 5 minutes.", denialsOfOne, denialsOfAll), denialWindow,
		},
		{
			CrossTenantProbe, "Somebody asked for another organisation",
			"Somebody who is signed in asked for an organisation they do not belong to. They were refused.",
			"One attempt.", probeWindow,
		},
		{
			ExportVolume, "Unusually many exports",
			"More data than usual is being taken out: exports and downloads of the audit trail.",
			fmt.Sprintf("More than %d exports within 24 hours, or from %d on when that is %d times the daily mean of the %d days before; an organisation that exported nothing in those days, or is younger, has no mean.",
				exportsOfADay, exportsAtLeast, exportsTimes, usualDays), exportWindow,
		},
		{
			KeyNewNetwork, "An API key was used from a new network",
			"The key may have been taken. If you have moved the program that uses it, all is well.",
			"A use from a network (/24 of IPv4, /48 of IPv6) that the key was not used from in the 90 days before, 24 hours or more after the first use of the key.", networkWindow,
		},
		{
			RoleChain, "An unusual chain of role changes",
			"Roles changed in a way that looks like somebody taking over the organisation, or hiding what they did with a role that they held for minutes.",
			"Within 10 minutes of joining a member is made owner or admin and within another 10 minutes removes or lowers another owner or admin; or a member is made owner or admin, creates a key or changes the sign-in policy, and is lowered or removed, all within 10 minutes.", roleWindow,
		},
		{
			SignInFailures, "Many failed attempts with your API keys",
			"Keys of yours that are wrong, expired, revoked or used from elsewhere are presented again and again. It may be a program with an old key, or somebody guessing.",
			fmt.Sprintf("%d failed attempts of all keys together within 10 minutes.", failures), failureWindow,
		},
	}
}

// Observation is what the rules see of an entry.
type Observation struct {
	At      time.Time
	Actor   string // "key:…", "person:…", "anonymous", "system:…"
	Event   string
	Object  string
	Network string            // keyed digest of the caller's /24 or /48
	Count   int               // how many it stands for; below 1 means 1
	Detail  map[string]string // "from" and "to" of role changes, "from" of removals, "subject" instead of Object
}

// Of is what the rules see of an entry.
func Of(e audit.Entry) Observation {
	return Observation{
		At: e.At, Actor: e.Actor, Event: string(e.Event), Object: e.Object, Network: e.Network, Count: e.Count, Detail: e.Detail,
	}
}

// Finding is a rule that fired.
type Finding struct {
	Rule     string
	At       time.Time // of the observation that made it fire, in milliseconds
	Actor    string    // or Everybody; an actor longer than 64 characters or not in visible ASCII is given by its digest
	Count    int       // how many were counted, at least the threshold
	Sentence string    // for the people in charge; names actors by identifier only
}
