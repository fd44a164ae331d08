const get = 1;
function post() {}
import { each } from './own.js';
fn(get, post, each);
