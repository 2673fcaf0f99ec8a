/** What every answer about a forecast says of its model. */
export const BASIS = {
  origin: '2024-06-30',
  model_version: '2024-06-30-b2e8a3f686168054',
  model_trained_through: '2024-06-30',
  in_sample: false,
  known_through: { onpromotion: '2024-07-16' },
  snapshot: { origin: '2024-06-30', digest: 'aebae11dd9dc0c2f' },
  degraded: false,
};
