import { existsSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import * as widgets from "../src/index.js";

const text = (path) => readFileSync(new URL(path, import.meta.url), "utf8");
const manifest = JSON.parse(text("../custom-elements.json"));
const declarations = manifest.modules[0].declarations;
const OTHERS = ["load", "ON_DEMAND"]; // that index.ts exports beside elements
const elements = { ...widgets };
for (const name of OTHERS) delete elements[name];
for (const { name, tagName } of declarations) if (widgets.ON_DEMAND.includes(tagName)) elements[name] = await widgets.load(tagName);
const styles = (element) => element.styles.map((sheet) => sheet.cssText).join("\n");
/* Attributes that an element sets and does not read. */
const OWN = ["open"];

describe("custom-elements.json", () => {
    it("tells of every element that there is", () => {
        expect(declarations.map((each) => each.name).sort()).toEqual(Object.keys(elements).sort());
        expect(declarations.map((each) => each.tagName)).toEqual(expect.arrayContaining([...widgets.ON_DEMAND]));
        for (const { name, tagName } of declarations) expect(customElements.get(tagName)).toBe(elements[name]);
    });

    it.each(declarations.map((each) => [each.tagName, each]))("%s: its attributes, fields and custom properties", (_, about) => {
        const element = elements[about.name];
        const listed = about.attributes.map((each) => each.name).filter((name) => !OWN.includes(name));
        expect(listed.sort()).toEqual([...element.observedAttributes].sort());
        for (const { name, attribute } of about.members) {
            const { attribute: own } = element.elementProperties.get(name);
            expect(typeof own === "string" ? own : name.toLowerCase()).toBe(attribute);
        }
        const used = new Set([...styles(element).matchAll(/var\((--lectern-[\w-]+)/g)].map((match) => match[1]));
        expect(about.cssProperties.map((each) => each.name).sort()).toEqual([...used].sort());
    });
});

describe("the package", () => {
    const about = JSON.parse(text("../package.json"));
    const readme = text("../README.md");

    it("names what building makes", () => {
        for (const file of [about.main, about.types]) expect(file).toMatch(/^\.\/dist\//);
        expect(existsSync(new URL("../" + about.customElements, import.meta.url))).toBe(true);
    });

    it("has a README that shows each element and each attribute", () => {
        for (const { tagName, attributes } of declarations) {
            expect(readme).toContain(`<${tagName}`);
            for (const { name } of attributes) expect(readme).toContain(`\`${name}\``);
        }
    });
});
