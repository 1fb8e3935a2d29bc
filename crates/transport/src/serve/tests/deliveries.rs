//! Replies that hand something over: it is the caller's when the reply is on the wire, and lost where it never is.

use super::{
    Versions, patient,
    world::{LARGE_TASK, TASK, World, until},
};

/// The client takes the head of its reply, and as much as its window lets in.
#[tokio::test]
async fn a_reply_that_is_taken_back_hands_nothing_over() {
    let world = World::new(patient(), Versions::Two).await;
    let mut client = world.client().await;
    let (status, body) = client.call(LARGE_TASK).await.answer().await;
    assert_eq!(status, 0);
    assert_eq!(world.handed_over.counts(), (0, 0), "it is on its way");
    drop(body);
    until(|| world.handed_over.counts() == (0, 1)).await;
}

#[tokio::test]
async fn a_connection_that_breaks_hands_over_nothing_that_is_not_on_it() {
    let world = World::new(patient(), Versions::Two).await;
    let mut client = world.client().await;
    let (status, _body) = client.call(LARGE_TASK).await.answer().await;
    assert_eq!(status, 0);
    client.wire.abort_all();
    until(|| world.handed_over.counts() == (0, 1)).await;
}

#[tokio::test]
async fn a_reply_that_was_written_hands_over_what_it_brings() {
    let world = World::new(patient(), Versions::Two).await;
    let mut client = world.client().await;
    let (status, mut body) = client.call(TASK).await.answer().await;
    assert_eq!(status, 0);
    while let Some(piece) = body.data().await {
        piece.unwrap();
    }
    drop((client, body));
    until(|| world.registry.count() == 0).await;
    assert_eq!(world.handed_over.counts(), (1, 0));
}
