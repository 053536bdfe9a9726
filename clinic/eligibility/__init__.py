"""The physician's decision that the patient may be treated."""
