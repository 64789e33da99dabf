// Package routes lists every route of the platform, in the order of the API reference.
package routes

import (
	"github.com/passportcraft/passportcraft/shared/api/accounts"
	"github.com/passportcraft/passportcraft/shared/api/apikeys"
	"github.com/passportcraft/passportcraft/shared/api/audits"
	"github.com/passportcraft/passportcraft/shared/api/browser"
	"github.com/passportcraft/passportcraft/shared/api/carriers"
	"github.com/passportcraft/passportcraft/shared/api/certificates"
	"github.com/passportcraft/passportcraft/shared/api/contracts"
	"github.com/passportcraft/passportcraft/shared/api/deletions"
	"github.com/passportcraft/passportcraft/shared/api/dispositions"
	"github.com/passportcraft/passportcraft/shared/api/documents"
	"github.com/passportcraft/passportcraft/shared/api/exports"
	"github.com/passportcraft/passportcraft/shared/api/health"
	"github.com/passportcraft/passportcraft/shared/api/holds"
	"github.com/passportcraft/passportcraft/shared/api/httpapi"
	"github.com/passportcraft/passportcraft/shared/api/imports"
	"github.com/passportcraft/passportcraft/shared/api/members"
	"github.com/passportcraft/passportcraft/shared/api/notices"
	"github.com/passportcraft/passportcraft/shared/api/passports"
	"github.com/passportcraft/passportcraft/shared/api/productgroups"
	"github.com/passportcraft/passportcraft/shared/api/reference"
	"github.com/passportcraft/passportcraft/shared/api/resolver"
	"github.com/passportcraft/passportcraft/shared/api/tenants"
	"github.com/passportcraft/passportcraft/shared/api/trust"
	"github.com/passportcraft/passportcraft/shared/runtime/auditing"
	"github.com/passportcraft/passportcraft/shared/runtime/browsing"
	"github.com/passportcraft/passportcraft/shared/runtime/editing"
	"github.com/passportcraft/passportcraft/shared/runtime/exporting"
	"github.com/passportcraft/passportcraft/shared/runtime/importing"
	"github.com/passportcraft/passportcraft/shared/runtime/leaving"
	"github.com/passportcraft/passportcraft/shared/runtime/posting"
	"github.com/passportcraft/passportcraft/shared/runtime/tenancy"
)

// All is every route. It is a function, so that a binary that names single constructors links only those.
func All(app *tenancy.App) []httpapi.Route {
	people, own, keys, self, tokens := posting.Members(app), app.Tenants(), app.APIKeys(), app.Accounts(), app.Tokens()
	out, in := exporting.Service(app), importing.Desk(app)
	all := append(passportRoutes(app), []httpapi.Route{
		productgroups.List(app.ProductGroups()),
		productgroups.Get(app.ProductGroups()),
		accounts.Get(self),
		accounts.Register(self, tokens),
		accounts.Erase(self),
		accounts.Link(self, tokens),
		accounts.StartAuthenticator(self, app.Authenticators()),
		accounts.ConfirmAuthenticator(self, app.Authenticators()),
		accounts.Leave(self),
		accounts.Found(self),
		accounts.Accept(self),
		tenants.Get(own),
		tenants.Rename(own),
		tenants.GetPolicy(own),
		tenants.SetPolicy(own),
		members.List(people),
		members.Change(people),
		members.Remove(people),
		members.Invitations(people),
		members.Invite(people, own),
		members.Withdraw(people),
		exports.Create(out),
		exports.List(out),
		exports.Get(out),
		exports.Delete(out),
		imports.Create(in),
		imports.List(in),
		imports.Get(in),
		imports.Check(in),
		imports.Commit(in),
		imports.Cancel(in),
		imports.Recipes(in),
		imports.KeepRecipe(in),
		imports.GetRecipe(in),
		imports.ChangeRecipe(in),
		imports.ForgetRecipe(in),
		apikeys.List(keys),
		apikeys.Create(keys),
		apikeys.Revoke(keys),
		audits.List(app.Trail()),
		audits.Download(app.AuditLogs(), app.Journal()),
		notices.List(app.Notices()),
		carriers.Draw(app.Resolver(), app.PublicBaseURL()),
		health.Check(),
	}...)
	all = append(append(all, leave(app)...), resolver.Routes(app.Resolver(), app.ProductGroups(), app.PublicBaseURL())...)
	all = append(append(all, browser.Routes(browsing.Desk(app))...), browser.Pages()...)
	all = append(all, certificates.Routes(app.Certificates(), auditing.Signer(app.App))...)
	all = append(all, trust.Routes(auditing.Signer(app.App))...)
	return append(all, reference.Routes()...)
}

// leave is every route about the end of a contract.
func leave(app *tenancy.App) []httpapi.Route {
	end, held, becomes := leaving.Contract(app), leaving.Holds(app), leaving.Dispositions(app)
	return []httpapi.Route{
		contracts.Show(end),
		contracts.Terminate(end),
		contracts.TakeBack(end),
		contracts.Expedite(end),
		contracts.ConfirmExpedite(end),
		contracts.DropExpedite(end),
		dispositions.List(becomes),
		dispositions.SetMany(becomes),
		holds.List(held),
		holds.Ask(held),
		holds.Get(held),
		holds.Release(held),
		holds.Approve(held),
		holds.Review(held),
	}
}

// passportRoutes are those of passports, with their versions, documents and ends.
func passportRoutes(app *tenancy.App) []httpapi.Route {
	edit, read, links, papers := editing.Passports(app), app.Reader(), app.Links(), app.Documents()
	becomes, gone := leaving.Dispositions(app), leaving.Deletions(app)
	return []httpapi.Route{
		passports.Create(edit, links),
		passports.List(read, links),
		passports.Get(read, links),
		passports.Update(edit, links),
		deletions.Delete(gone),
		passports.Publish(edit, links),
		passports.Suspend(edit, links),
		passports.Archive(edit, links),
		passports.ListVersions(read),
		passports.GetVersion(read, links),
		documents.Add(papers),
		documents.List(papers),
		documents.Get(papers),
		documents.Fetch(papers),
		documents.Delete(papers),
		deletions.Restore(gone),
		deletions.List(gone),
		dispositions.Get(becomes),
		dispositions.Set(becomes),
	}
}
