package browsers_test

import (
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
)

// TestLeaving has an owner take everything along, end the contract, and think better of it, all from the workspace.
func TestLeaving(t *testing.T) {
	browser := chromium(t)
	s := start(t, false)
	p := s.visit(t, browser)
	const organisation = "Works that leave"
	p.does("create an account", chromedp.Navigate(s.URL+"/sign-in?next=/workspace"), click(`a[href^="/sign-in/start?with=password"]`), click("#create"),
		fill("#name", "Leaver"), fill("#email", "leaver@nordeiche.example"), fill("#password", "correct horse battery staple"), click("button[type=submit]"))
	p.founds(organisation, "L-1")

	p.does("export everything", click("#export"), seen("#package"))
	if text := p.reads("#exported"); !strings.HasPrefix(text, "Download the package (") {
		t.Errorf("of the export the page says %q", text)
	}

	p.does("type another name", click("#leave summary"), fill("#leave-confirmation", "Some other works"), click("#leave-form button"), seen("#leave-confirmation-bad"))
	if state := p.reads("#contract-state"); !strings.Contains(strings.ToLower(state), "active") {
		t.Errorf("after a wrong name the contract is %q", state)
	}
	p.does("type the name", chromedp.SetValue(chromedp.CSS("#leave-confirmation"), organisation), click("#leave-form button"), seen("#take-back"), chromedp.WaitNotVisible(chromedp.CSS("#create-name")))
	if state := p.reads("#contract-state"); strings.Contains(strings.ToLower(state), "active") {
		t.Errorf("after the termination the contract is %q", state)
	}
	if text := p.reads("#passports"); strings.Contains(text, "Publish") {
		t.Errorf("in the window passports are offered for publication: %q", text)
	}
	p.does("take the termination back", click("#take-back"), chromedp.WaitNotVisible(chromedp.CSS("#take-back")), seen("#create-name"))
	if state := p.reads("#contract-state"); !strings.Contains(strings.ToLower(state), "active") {
		t.Errorf("after taking it back the contract is %q", state)
	}
}

// TestFates has the owner of the demo organisation look at what becomes of each passport, name a successor for one, and
// find both that and the export again when the contract ends.
func TestFates(t *testing.T) {
	browser := chromium(t)
	s := start(t, true)
	p := s.visit(t, browser)
	p.does("sign in", chromedp.Navigate(s.URL+"/sign-in?next=/workspace"), click(`a[href^="/sign-in/start?with=password"]`),
		fill("#email", s.Email), fill("#password", s.Password), click("button[type=submit]"), seen("#passports li"))
	p.does("look at what becomes of them", click("#fates summary"), seen("#fate-form"))
	list := p.reads("#fates-list")
	if strings.Count(list, "kept in custody until") != 3 || !strings.Contains(list, "deleted: its code stops working") || !strings.Contains(list, "https://id.gs1.org/01/09506000134352") {
		t.Errorf("the fates are %q", list)
	}
	p.does("name a successor that is none", fill("#fate-successor", "http://successor.example/battery"), click("#fate-handed"), click("#fate-form button"), seen("#fate-successor-bad"))
	p.does("name the right one", chromedp.SetValue(chromedp.CSS("#fate-successor"), "https://successor.example/battery"), click("#fate-form button"),
		chromedp.WaitReady(chromedp.CSS(`#fate-passport option[data-handed=yes]`)))
	p.does("export", click("#export"), seen("#packages li"))
	p.does("end the contract", click("#leave summary"), fill("#leave-confirmation", "Demo"), click("#leave-form button"), seen("#take-back"), seen("#fates-list"))
	if list := p.reads("#fates-list"); strings.Count(list, "kept in custody until") != 2 || strings.Count(list, "leads to the successor until") != 1 {
		t.Errorf("in the window the fates are %q", list)
	}
	if text := p.reads("#packages"); !strings.Contains(text, "Export of") || !strings.Contains(text, "Download") {
		t.Errorf("of the export there is %q", text)
	}
}
