/* The console begins. */
import css from "./admin.css";
import { readSession, session } from "./session.js";
import { emergency } from "./emergency.js";
import { startNavigation } from "./navigation.js";
import "./ui/chart.js";
import "./ui/code.js";
import "./ui/form.js";
import "./ui/list.js";
import "./shell.js";
import { sessionOfVisitor } from "./sign_in.js";

const sheet = new CSSStyleSheet();
sheet.replaceSync(css);
document.adoptedStyleSheets = [sheet];
session.current = readSession() ?? (await sessionOfVisitor());
startNavigation();
emergency.begin();
document.body.replaceChildren(document.createElement("lectern-console"));
