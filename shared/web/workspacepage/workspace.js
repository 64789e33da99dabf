// The workspace: asks the JSON API of this host with the session cookie and puts the answers on the page as text.
"use strict";
(() => {
	const at = (id) => document.getElementById(id);
	const show = (id, yes) => { at(id).hidden = !yes; };
	const state = { organisations: [], id: "", role: "", may: null };
	const KEEP = "organisation";
	const OFFLINE = "There is no connection to the service. Check it and try again.";
	const remember = {
		get() { try { return sessionStorage.getItem(KEEP) || ""; } catch { return ""; } },
		set(v) { try { sessionStorage.setItem(KEEP, v); } catch { /* the first one is shown next time */ } },
	};

	// make builds an element whose content is text or other elements.
	function make(name, attributes, ...content) {
		const e = document.createElement(name);
		for (const [key, value] of Object.entries(attributes || {})) {
			e.setAttribute(key, value);
		}
		e.append(...content.filter((c) => c !== null && c !== undefined && c !== ""));
		return e;
	}

	// day shows an instant as a day in the reader's own way of writing.
	function day(text, time) {
		const d = new Date(text);
		if (!text || Number.isNaN(d.getTime())) {
			return "–";
		}
		return new Intl.DateTimeFormat("en-GB", { ...(time
			? { year: "numeric", month: "short", day: "numeric", hour: "2-digit", minute: "2-digit", timeZoneName: "short" }
			: { dateStyle: "medium" }) }).format(d);
	}

	// draw shows the code that the API describes as SVG, by its side and outline alone.
	function draw(svg) {
		const [, side] = /viewBox="0 0 (\d+) \d+"/.exec(svg);
		const [, outline] = / d="([MHVZmhvz\d ,.-]+)"/.exec(svg);
		at("enrol-picture").setAttribute("viewBox", "0 0 " + side + " " + side);
		at("enrol-outline").setAttribute("d", outline);
	}

	// linked is an address of the web that the API names, ours or that of the storage; anything else is no link.
	function linked(address) {
		try {
			const u = new URL(address, location.origin);
			return u.protocol === "https:" || u.protocol === "http:" ? u.href : "";
		} catch {
			return "";
		}
	}

	// Problem is a refusal of the API (RFC 9457).
	class Problem extends Error {
		constructor(status, value) {
			super(value.detail || "The service did not answer as expected. Try again in a moment.");
			this.status = status;
			this.code = value.code || "";
			this.title = value.title || "That did not work.";
			this.errors = Array.isArray(value.errors) ? value.errors : [];
		}
	}

	// refresh renews the session, once for all requests that need it at the same time.
	let refreshing = null;
	function refresh() {
		refreshing ||= fetch("/sign-in/refresh", { method: "POST", credentials: "same-origin", headers: { "X-Requested-With": "passportcraft" } })
			.then((r) => r.ok).catch(() => false).finally(() => { setTimeout(() => { refreshing = null; }, 0); });
		return refreshing;
	}

	async function ask(method, path, body, more, again) {
		const headers = { "X-Requested-With": "passportcraft", Accept: "application/json", ...more };
		const init = { method, headers, credentials: "same-origin" };
		if (state.id && !path.startsWith("/v1/me") && path !== "/v1/tenants") {
			headers["X-Tenant-Id"] = state.id;
		}
		if (body) {
			headers["Content-Type"] = "application/json";
			init.body = JSON.stringify(body);
		}
		const response = await fetch(path, init);
		const value = response.status === 204 ? {} : await response.json().catch(() => ({}));
		if (response.ok) {
			return value;
		}
		if (response.status === 401 && value.code !== "reauthentication-required" && !again && await refresh()) {
			return ask(method, path, body, more, true);
		}
		throw new Problem(response.status, value);
	}

	// report shows what belongs to no form.
	function report(problem) {
		const known = problem instanceof Problem;
		at("problem-title").textContent = known ? problem.title + "." : "No answer.";
		at("problem-detail").textContent = known ? problem.message : OFFLINE;
		const link = at("problem-link");
		link.hidden = !(known && (problem.status === 401 || problem.code === "second-factor-required"));
		if (known && problem.code === "second-factor-required") {
			link.textContent = "Set one up below, or sign in with it";
			link.href = "#account";
		}
		if (known && problem.status === 401) {
			const late = problem.code === "reauthentication-required";
			at("problem-title").textContent = late ? "Sign in again." : "You are not signed in.";
			at("problem-detail").textContent = late ? problem.message : "Your session has ended, or has not begun.";
			link.textContent = late ? "Sign in again" : "Sign in";
			link.href = late ? "/sign-in?again=1&next=/workspace" : "/sign-in?next=/workspace";
		}
		show("problem", true);
	}

	// mark puts a sentence beside a field.
	function mark(form, input, text) {
		const place = at(form + "-" + input.name + "-bad");
		place.textContent = place.textContent && text ? place.textContent + " " + text : text;
		if (text) {
			input.setAttribute("aria-invalid", "true");
		} else {
			input.removeAttribute("aria-invalid");
		}
	}

	function wipe(form) {
		for (const input of at(form + "-form").elements) {
			if (input.name) {
				mark(form, input, "");
			}
		}
		at(form + "-bad").textContent = "";
		show("problem", false);
	}

	// refuse puts each sentence of a refusal beside the field that its pointer names, the rest below the form.
	function refuse(form, problem) {
		if (!(problem instanceof Problem) || problem.status === 401) {
			report(problem);
			at("problem").scrollIntoView({ block: "center" });
			return;
		}
		const inputs = [...at(form + "-form").elements].filter((i) => i.dataset.pointers);
		const rest = [];
		let first = null;
		for (const e of problem.errors) {
			const input = inputs.find((i) => i.dataset.pointers.split(" ").some((p) => e.pointer === p || e.pointer.startsWith(p + "/")));
			if (input) {
				mark(form, input, e.detail);
				first ||= input;
			} else {
				rest.push(e.pointer + ": " + e.detail);
			}
		}
		at(form + "-bad").textContent = first && rest.length === 0 ? "" : [problem.message, ...rest].join(" ");
		(first || at(form + "-bad")).scrollIntoView({ block: "center" });
		if (first) {
			first.focus();
		}
	}

	// on submits a form by calling the API; missing fields are said before anything is sent.
	function on(form, send) {
		at(form + "-form").addEventListener("submit", async (event) => {
			event.preventDefault();
			wipe(form);
			const empty = [...event.target.elements].filter((i) => i.required && !i.value.trim());
			if (empty.length > 0) {
				empty.forEach((i) => mark(form, i, "Please fill this in."));
				empty[0].focus();
				return;
			}
			const button = event.target.querySelector("button");
			button.disabled = true;
			try {
				await send(new FormData(event.target), event.target);
			} catch (problem) {
				refuse(form, problem);
			} finally {
				button.disabled = false;
			}
		});
	}

	// identifier is the GS1 Digital Link of an item (application identifiers 01 and 21).
	function identifier(gtin, serial) {
		return "https://id.gs1.org/01/" + gtin.replace(/[\s-]/g, "").padStart(14, "0") + "/21/" + encodeURIComponent(serial.trim());
	}

	function nameOf(p) {
		const names = p.content && p.content.name;
		return names && (names.en || Object.values(names)[0]) || "";
	}

	// allowed tells whether the stage of the contract permits something. Who may not see the stage is told by the answer.
	function allowed(capability) {
		return !state.may || state.may.has(capability);
	}

	function passportItem(p, role) {
		const address = linked(p.publicUrl);
		const published = p.status === "published";
		const acts = make("div", { class: "acts" });
		if (published && address) {
			acts.append(make("a", { href: address }, "Open the passport"));
		}
		if (["draft", "suspended"].includes(p.status) && at("passports").dataset.publish.split(" ").includes(role) && allowed("write")) {
			const button = make("button", { type: "button", class: "plain" }, p.status === "draft" ? "Publish" : "Publish again");
			button.addEventListener("click", () => publish(p, button));
			acts.append(button);
		}
		return make("li", {},
			make("div", { class: "top" }, make("b", {}, nameOf(p) || p.productIdentifier), make("span", { class: "tag" }, p.status)),
			nameOf(p) ? make("span", { class: "mono" }, p.productIdentifier) : null,
			make("span", { class: "soft" }, "Changed " + day(p.updatedAt, true)),
			acts.childNodes.length > 0 ? acts : null);
	}

	async function publish(p, button) {
		show("problem", false);
		button.disabled = true;
		try {
			await ask("POST", "/v1/passports/" + encodeURIComponent(p.id) + "/publication", null, { "If-Match": "\"" + p.revision + "\"" });
			await passports();
		} catch (problem) {
			if (problem instanceof Problem && problem.errors.length > 0) {
				problem.message += " " + problem.errors.map((e) => e.pointer + ": " + e.detail).join(" ");
			}
			report(problem);
			at("problem").scrollIntoView({ block: "center" });
			button.disabled = false;
		}
	}

	async function passports() {
		const role = state.role;
		const got = await ask("GET", "/v1/passports?limit=10");
		const items = got.items || [];
		at("passports").replaceChildren(...items.map((p) => passportItem(p, role)));
		show("passports", items.length > 0);
		show("passports-none", items.length === 0);
	}

	// row builds a table row; each cell knows the name of its column for narrow screens.
	function row(names, ...cells) {
		return make("tr", {}, ...cells.map((c, i) => make("td", { "data-name": names[i] }, make("span", {}, c))));
	}

	async function members() {
		const got = await ask("GET", "/v1/members");
		at("members-rows").replaceChildren(...(got.items || []).map((m) =>
			row(["Name", "E-mail", "Role", "Since"], m.name || "–", m.email || "–", m.role, day(m.joinedAt))));
		for (const option of at("invite-role").options) {
			option.disabled = !option.dataset.grants.split(" ").includes(state.role);
		}
	}

	async function keys() {
		const got = await ask("GET", "/v1/api-keys");
		const items = got.items || [];
		at("keys-rows").replaceChildren(...items.map((k) =>
			row(["Name", "Begins with", "May", "Last used", "Ends"], k.name, make("code", {}, k.prefix), (k.scopes || []).join(", "),
				k.lastUsedAt ? day(k.lastUsedAt, true) : "never", k.revokedAt ? "revoked " + day(k.revokedAt) : day(k.expiresAt))));
		show("keys-table", items.length > 0);
		show("keys-none", items.length === 0);
	}

	// said puts one detail of a notice into words: instants as people write them, names apart.
	function said([name, value]) {
		const words = name.replace(/([A-Z])/g, " $1").toLowerCase();
		if (name === "bytes") {
			return size(Number(value));
		}
		return words + ": " + (/^\d{4}-\d\d-\d\dT/.test(value) ? day(value, true) : value.replace(/^\[(.*)\]$/, "$1"));
	}

	async function notices() {
		const got = await ask("GET", "/v1/notices");
		const items = got.items || [];
		at("notices-list").replaceChildren(...items.map((n) => make("li", {},
			make("b", {}, n.title),
			n.text ? make("span", {}, n.text) : null,
			make("span", { class: "soft" }, [day(n.at, true), ...Object.entries(n.detail || {}).filter(([name]) => name !== "notice").map(said)].join(" · ")))));
		show("notices-list", items.length > 0);
		show("notices-none", items.length === 0);
	}

	// contract shows where the contract stands: to those who may see it, and with what they may do about it.
	async function contract() {
		const v = await ask("GET", "/v1/tenant/lifecycle");
		const leaving = !["active", "suspended"].includes(v.state);
		const may = new Set((v.may || []).map((p) => p.capability));
		at("contract-state").textContent = "Your organisation is " + v.means + ".";
		at("contract-next").textContent = v.next;
		at("contract-instants").replaceChildren(...(v.instants || []).flatMap((i) => [
			make("dt", i.reached ? { class: "reached" } : {}, day(i.at, true)), make("dd", {}, i.means)]));
		at("contract-early").textContent = v.earlyEnd ? v.earlyEnd.next : "";
		show("contract-early", Boolean(v.earlyEnd));
		const owner = at("leave").dataset.roles.split(" ").includes(state.role);
		show("take-back", owner && leaving && may.has("reinstate"));
		show("leave", owner && may.has("terminate"));
		show("export", at("export").dataset.roles.split(" ").includes(state.role) && may.has("export"));
		at("kept-list").replaceChildren(...(v.kept || []).map((k) => make("li", {},
			make("b", {}, k.what), make("span", {}, k.why),
			make("span", { class: "soft" }, [k.act + ", article " + k.article, k.until ? "until " + day(k.until) : "", k.reviewBy ? "looked at again by " + day(k.reviewBy) : ""].filter(Boolean).join(" · ")))));
		show("kept", leaving && (v.kept || []).length > 0);
		show("packages", false);
		show("fates", at("fates").dataset.roles.split(" ").includes(state.role) && may.has("read"));
		at("fates").open = leaving;
		at("contract").classList.toggle("leaving", leaving);
		at(leaving ? "work" : "account").before(at("contract"));
		state.may = may;
		if (may.has("read")) {
			await Promise.all([packages(), leaving ? fates() : null]);
		}
		return may.has("read");
	}

	// packages lists what can be fetched of earlier exports.
	async function packages() {
		if (!at("packages").dataset.roles.split(" ").includes(state.role)) {
			return;
		}
		const ready = ((await ask("GET", "/v1/exports")).items || []).filter((e) => e.state === "ready");
		at("packages").replaceChildren(...ready.map((e) => {
			const button = make("button", { type: "button", class: "plain" }, "Download");
			button.addEventListener("click", () => busy(button, () => download(e.id)));
			return make("li", {}, make("div", { class: "top" },
				make("span", {}, "Export of " + day(e.requestedAt, true), make("span", { class: "soft" }, " · " + size(e.bytes) + ", until " + day(e.expiresAt))), button));
		}));
		show("packages", ready.length > 0);
	}

	// download fetches a package: its link lives for minutes, so that it is asked for when it is needed.
	async function download(id) {
		const e = await ask("GET", "/v1/exports/" + encodeURIComponent(id) + "?link=true");
		const address = e.download ? linked(e.download.url) : "";
		if (!address) {
			await packages();
			return;
		}
		location.assign(address);
	}

	// busy keeps a button from being pressed twice, and says what went wrong.
	async function busy(button, act) {
		show("problem", false);
		button.disabled = true;
		try {
			await act();
		} catch (problem) {
			report(problem);
			at("problem").scrollIntoView({ block: "center" });
		}
		button.disabled = false;
	}

	// fate is what becomes of one passport, in words.
	function fate(o) {
		const until = o.until ? " until " + day(o.until) : "";
		const words = { custody: "kept in custody" + until, "handed-over": "leads to the successor" + until, ceased: "has ended with its product", deleted: "deleted: its code stops working" };
		return words[o.kind] || o.kind;
	}

	let fateCursor = "";
	async function fates(more) {
		const got = await ask("GET", "/v1/tenant/lifecycle/dispositions?limit=20" + (more && fateCursor ? "&cursor=" + encodeURIComponent(fateCursor) : ""));
		const items = got.items || [];
		const lines = items.map((o) => make("li", {},
			make("div", { class: "top" }, make("span", { class: "mono" }, o.productIdentifier), make("span", { class: "tag" }, fate(o))),
			make("span", { class: "soft" }, [o.why, o.successorUrl, o.basis ? o.basis.act + ", article " + o.basis.article : ""].filter(Boolean).join(" · "))));
		const open = items.filter((o) => o.kind !== "deleted" || o.said).map((o) => {
			const option = make("option", { value: o.passport }, o.productIdentifier);
			option.dataset.successor = o.said && o.said.successorUrl || "";
			option.dataset.handed = o.said && o.said.handedOver ? "yes" : "";
			option.dataset.recycled = o.said && o.said.recycledAt ? o.said.recycledAt.slice(0, 10) : "";
			return option;
		});
		if (!more) {
			at("fates-list").replaceChildren();
			at("fate-passport").replaceChildren();
		}
		at("fates-list").append(...lines);
		at("fate-passport").append(...open);
		fateCursor = got.next || "";
		const some = at("fates-list").childNodes.length > 0;
		show("fates-list", some);
		show("fates-none", !some && !fateCursor);
		show("fates-more", Boolean(fateCursor));
		show("fate-form", at("fate-passport").options.length > 0 && at("fate-form").dataset.roles.split(" ").includes(state.role) && allowed("arrange"));
		chosenFate();
	}

	// chosenFate fills the form with what was said of the passport that is chosen.
	function chosenFate() {
		const option = at("fate-passport").selectedOptions[0];
		if (option) {
			at("fate-successor").value = option.dataset.successor;
			at("fate-handed").checked = option.dataset.handed === "yes";
			at("fate-recycled").value = option.dataset.recycled;
		}
	}

	// part shows a section to roles that may see it and fills it.
	async function part(id, fill) {
		const needs = { creation: "write", invite: "new-access", mint: "new-access" }[id];
		const may = at(id).dataset.roles.split(" ").includes(state.role) && (!needs || allowed(needs));
		show(id, may);
		if (may && fill) {
			await fill();
		}
	}

	// called is the name of an organisation; of one whose key is gone nobody can read it any more.
	function called(o) {
		return o.name || "Closed organisation " + o.id.slice(0, 8) + "…";
	}

	// enter shows an organisation.
	async function enter(id) {
		const chosen = state.organisations.find((o) => o.id === id) || state.organisations[0];
		state.id = chosen.id;
		state.role = chosen.role;
		remember.set(chosen.id);
		at("organisation").value = chosen.id;
		at("role").textContent = chosen.role;
		at("title").textContent = called(chosen);
		document.title = called(chosen) + " · PassportCraft";
		for (const box of ["created", "invited", "minted", "exported", "problem"]) {
			show(box, false);
		}
		at("minted-key").textContent = "";
		show("work", false);
		state.may = null;
		try {
			const sees = at("contract").dataset.roles.split(" ").includes(state.role);
			show("contract", sees);
			if (sees && !await contract()) {
				return; // the window has closed: there is nothing else to see
			}
		} catch (problem) {
			report(problem);
		}
		show("work", true);
		const parts = [passports(), part("creation"), part("members", members), part("invite"), part("keys", keys), part("mint"), part("notices", notices)];
		const failed = (await Promise.allSettled(parts)).find((p) => p.status === "rejected");
		if (failed && state.id === chosen.id) {
			report(failed.reason);
		}
	}

	async function begin() {
		at("status").textContent = "Loading…";
		const me = await ask("GET", "/v1/me");
		at("status").textContent = "";
		state.organisations = me.organisations || [];
		if (me.person) {
			at("person").textContent = me.person.name || me.person.email;
			at("person").title = me.person.email;
		}
		show("who", true);
		show("account", true);
		show("found", state.organisations.length === 0);
		show("choose", state.organisations.length > 0);
		if (state.organisations.length === 0) {
			return;
		}
		at("organisation").replaceChildren(...state.organisations.map((o) => make("option", { value: o.id }, called(o))));
		await enter(remember.get());
	}

	function start() {
		begin().catch((problem) => {
			at("status").textContent = "";
			report(problem);
		});
	}

	at("organisation").addEventListener("change", (event) => { enter(event.target.value); });

	on("found", async (data) => {
		const made = await ask("POST", "/v1/tenants", { name: data.get("name").trim() });
		remember.set(made.id);
		await begin();
	});

	on("create", async (data, form) => {
		const serial = data.get("serial").trim();
		const made = await ask("POST", "/v1/passports", {
			productGroup: "general", granularity: "item", productIdentifier: identifier(data.get("gtin"), serial),
			content: { name: { en: data.get("name").trim() }, manufacturer: { name: data.get("manufacturer").trim() }, serialNumber: serial },
		});
		const address = linked(made.publicUrl);
		at("created").replaceChildren(
			make("p", {}, make("b", {}, "Created. "), "The passport of ", make("b", {}, nameOf(made) || data.get("name").trim()), " is a draft; it can be read by everybody once it is published, at:"),
			make("p", {}, address ? make("a", { href: address, id: "created-link" }, made.publicUrl) : made.productIdentifier));
		show("created", true);
		form.reset();
		at("created").scrollIntoView({ block: "center" });
		await passports();
	});

	on("invite", async (data, form) => {
		const email = data.get("email").trim();
		await ask("POST", "/v1/invitations", { email, role: data.get("role") });
		at("invited").textContent = "An invitation is on its way to " + email + ".";
		show("invited", true);
		form.reset();
	});

	on("mint", async (data, form) => {
		const made = await ask("POST", "/v1/api-keys", { name: data.get("name").trim(), scopes: data.getAll("scopes") });
		at("minted-key").textContent = made.key;
		show("minted", true);
		form.reset();
		at("mint").open = false;
		at("minted").scrollIntoView({ block: "center" });
		await keys();
	});

	on("leave", async (data, form) => {
		const last = data.get("effective");
		await ask("POST", "/v1/tenant/termination", { confirmation: data.get("confirmation").trim(), ...(last ? { effectiveAt: new Date(last + "T23:59:59").toISOString() } : {}) });
		form.reset();
		at("leave").open = false;
		await enter(state.id);
		at("contract").scrollIntoView({ block: "start" });
	});

	at("take-back").addEventListener("click", () => busy(at("take-back"), async () => {
		await ask("DELETE", "/v1/tenant/termination");
		await enter(state.id);
	}));

	at("fates").addEventListener("toggle", () => {
		if (at("fates").open && at("fates-list").childNodes.length === 0) {
			busy(at("fates-more"), () => fates());
		}
	});

	at("fates-more").addEventListener("click", () => busy(at("fates-more"), () => fates(true)));
	at("fate-passport").addEventListener("change", chosenFate);

	on("fate", async (data) => {
		const recycled = data.get("recycled");
		const chosen = data.get("passport");
		await ask("PUT", "/v1/passports/" + encodeURIComponent(chosen) + "/disposition", {
			...(data.get("successor").trim() ? { successorUrl: data.get("successor").trim() } : {}),
			...(data.get("handed") ? { handedOver: true } : {}),
			...(recycled ? { recycledAt: recycled + "T00:00:00Z" } : {}),
		});
		await fates();
		at("fate-passport").value = chosen;
		chosenFate();
		at("fates").scrollIntoView({ block: "start" });
	});

	// size is a number of bytes in words.
	function size(bytes) {
		return bytes < 1e6 ? Math.ceil(bytes / 1000) + " KB" : (bytes / 1e6).toFixed(1) + " MB";
	}

	// pack asks for an export, tells how far it is, and ends with a link to the package.
	async function pack() {
		const of = state.id;
		let e = await ask("POST", "/v1/exports", { scope: "workspace" }, { "Idempotency-Key": crypto.randomUUID() });
		show("exported", true);
		while (e.state === "queued" || e.state === "running") {
			at("exported").textContent = e.total > 0 ? "Packing: " + e.items + " of " + e.total + " passports." : "Packing…";
			await new Promise((done) => { setTimeout(done, 2000); });
			if (state.id !== of) {
				return;
			}
			e = await ask("GET", "/v1/exports/" + encodeURIComponent(e.id) + "?link=true");
		}
		const address = e.download ? linked(e.download.url) : "";
		if (!address) {
			at("exported").textContent = e.why || "The export could not be packed. Ask for another one.";
			return;
		}
		at("exported").replaceChildren(make("a", { href: address, id: "package" }, "Download the package"),
			" (" + size(e.bytes) + "; the link works until " + day(e.download.expiresAt, true) + ").");
	}

	at("export").addEventListener("click", () => busy(at("export"), async () => {
		await pack().finally(packages);
	}));

	at("factor").addEventListener("click", async () => {
		show("problem", false);
		at("factor").disabled = true;
		try {
			const made = await ask("POST", "/v1/me/authenticator");
			draw(made.picture);
			at("enrol-secret").textContent = made.secret.replace(/(.{4})(?=.)/g, "$1 ");
			show("enrol", true);
			show("factor", false);
			at("enrol-code").focus();
		} catch (problem) {
			report(problem);
			at("problem").scrollIntoView({ block: "center" });
			at("factor").disabled = false;
		}
	});

	on("enrol", async (data) => {
		await ask("PUT", "/v1/me/authenticator", { code: data.get("code").trim() });
		at("enrol-secret").textContent = "";
		at("enrol-outline").removeAttribute("d");
		show("enrol", false);
		show("enrolled", true);
	});

	start();
})();
