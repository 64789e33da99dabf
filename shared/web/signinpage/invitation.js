// The page that a mailed invitation leads to. The token comes in the fragment of the address, which is sent to nobody;
// it is taken out of the address at once and kept for this tab until it has been used.
"use strict";
(() => {
	const at = (id) => document.getElementById(id);
	const show = (id, yes) => { at(id).hidden = !yes; };
	const say = (text) => { at("lead").textContent = text; };
	const fail = (text) => {
		at("reason").textContent = text;
		show("error", true);
	};
	const store = {
		get() { try { return sessionStorage.getItem("invitation") || ""; } catch { return ""; } },
		set(v) { try { sessionStorage.setItem("invitation", v); } catch { /* then only this page knows it */ } },
		drop() { try { sessionStorage.removeItem("invitation"); } catch { /* nothing was kept */ } },
	};
	const fragment = location.hash.slice(1);
	if (fragment) {
		store.set(fragment);
		history.replaceState(null, "", location.pathname);
	}
	const token = fragment || store.get();

	async function ask(method, path, body, again) {
		const init = { method, credentials: "same-origin", headers: { "X-Requested-With": "passportcraft", Accept: "application/json" } };
		if (body) {
			init.headers["Content-Type"] = "application/json";
			init.body = JSON.stringify(body);
		}
		const response = await fetch(path, init);
		const value = await response.json().catch(() => ({}));
		if (response.status === 401 && !again && value.code !== "reauthentication-required") {
			const renewed = await fetch("/sign-in/refresh", { method: "POST", credentials: "same-origin", headers: { "X-Requested-With": "passportcraft" } });
			if (renewed.ok) {
				return ask(method, path, body, true);
			}
		}
		return { status: response.status, ok: response.ok, value };
	}

	function dead(text) {
		store.drop();
		fail(text);
		show("sign-in", false);
		show("join", false);
		show("how", false);
		show("open", true);
	}

	async function join() {
		at("join").disabled = true;
		show("error", false);
		const got = await ask("POST", "/v1/invitations/acceptance", { token });
		at("join").disabled = false;
		if (got.ok) {
			store.drop();
			try { sessionStorage.setItem("organisation", got.value.id); } catch { /* the workspace asks */ }
			say("You have joined as " + got.value.role + ".");
			show("join", false);
			show("how", false);
			show("open", true);
			location.assign("/workspace");
			return;
		}
		if (got.status === 401) {
			show("join", false);
			show("sign-in", true);
			return;
		}
		const detail = got.value.detail || "The service did not answer as expected. Try again in a moment.";
		if (got.status === 404 || got.status === 409 && got.value.code === "already-member") {
			dead(detail);
			return;
		}
		fail(detail);
	}

	async function begin() {
		if (!token) {
			fail("This address holds no invitation. Open the link in the mail again.");
			show("sign-in", false);
			return;
		}
		const me = await ask("GET", "/v1/me");
		if (!me.ok) {
			return; // not signed in: the page says how
		}
		const person = me.value.person;
		if (person) {
			at("how").textContent = "You are signed in as " + person.name + " (" + person.email + ").";
		}
		show("sign-in", false);
		show("join", true);
	}

	at("join").addEventListener("click", () => { join().catch(() => fail("There is no connection to the service. Try again.")); });
	begin().catch(() => fail("There is no connection to the service. Load the page again."));
})();
