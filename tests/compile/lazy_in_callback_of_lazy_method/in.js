fn($.items.map(item => item.price * $.rate));
