get('/patients')
  // those that are new
  .then(state => {
    const { data } = state;
    return { ...state, data };
  })
  .catch(error => {
    console.log(error);
  });
