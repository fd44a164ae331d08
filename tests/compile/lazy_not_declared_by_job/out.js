import { fn } from "@openfn/language-common";
export * from "@openfn/language-common";
import $ from 'cheerio';
export default [
fn($.load('<p>')),
];
