fn(state => ({ ...state, loaded: true }));
