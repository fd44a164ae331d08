import $ from 'cheerio';
fn($.load('<p>'));
