fn(state => state.items.map(item => item.price * $.rate));
